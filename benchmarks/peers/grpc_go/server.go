package main

import (
	"context"
	"io"
	"net"
	"os"

	"google.golang.org/grpc"

	"rpcfw/benchmarks/order"
)

type orders struct {
	order.UnimplementedOrderServiceServer
}

func (orders) Create(_ context.Context, request *order.OrderApiCreate) (*order.Order, error) {
	return &order.Order{
		OrderId:  request.OrderId,
		UserId:   request.UserId,
		Remark:   request.Remark,
		ReasonId: request.ReasonId,
	}, nil
}

// serve serves orders until standard input ends.
func serve(what job) error {
	shown, err := ofServer(what)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.Creds(shown), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
	)
	order.RegisterOrderServiceServer(server, orders{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if err := report(map[string]int{"port": listener.Addr().(*net.TCPAddr).Port}); err != nil {
		return err
	}
	return server.Serve(listener)
}
