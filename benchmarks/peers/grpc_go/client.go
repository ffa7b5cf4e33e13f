package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	"rpcfw/benchmarks/order"
)

// measurement is one line of the parent.
type measurement struct {
	InFlight int     `json:"in_flight"`
	Seconds  float64 `json:"seconds"`
}

// call measures calls on one channel for each line of standard input.
func call(what job) error {
	text, err := os.ReadFile(what.Request)
	if err != nil {
		return err
	}
	request := new(order.OrderApiCreate)
	if err := protojson.Unmarshal(text, request); err != nil {
		return err
	}
	trusted, err := ofClient(what)
	if err != nil {
		return err
	}
	channel, err := grpc.NewClient(
		fmt.Sprintf("127.0.0.1:%d", what.Port),
		grpc.WithTransportCredentials(trusted),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage),
		),
	)
	if err != nil {
		return err
	}
	defer channel.Close()
	client := order.NewOrderServiceClient(channel)
	create := func() error {
		_, err := client.Create(context.Background(), request)
		return err
	}
	lines := json.NewDecoder(os.Stdin)
	for {
		var one measurement
		if err := lines.Decode(&one); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := measure(create, one.InFlight, what.ServerPID, one.Seconds/4); err != nil {
			return err
		}
		found, err := measure(create, one.InFlight, what.ServerPID, one.Seconds)
		if err != nil {
			return err
		}
		if err := report(found); err != nil {
			return err
		}
	}
}

// measure calls with so many goroutines until the time is over.
func measure(create func() error, inFlight, serverPID int, seconds float64) (*figures, error) {
	window, err := open(serverPID)
	if err != nil {
		return nil, err
	}
	until := window.begun.Add(time.Duration(seconds * float64(time.Second)))
	taken := make([][]time.Duration, inFlight)
	failed := make([]error, inFlight)
	var group sync.WaitGroup
	for number := range inFlight {
		group.Add(1)
		go func() {
			defer group.Done()
			taken[number], failed[number] = againAndAgain(create, until)
		}()
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return window.close(taken)
}

func againAndAgain(create func() error, until time.Time) ([]time.Duration, error) {
	var taken []time.Duration
	begun := time.Now()
	for begun.Before(until) {
		if err := create(); err != nil {
			return nil, err
		}
		ended := time.Now()
		taken = append(taken, ended.Sub(begun))
		begun = ended
	}
	return taken, nil
}
