package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// figures are those of benchmarks/load.py.
type figures struct {
	Count        int     `json:"count"`
	TookS        float64 `json:"took_s"`
	P50US        float64 `json:"p50_us"`
	P99US        float64 `json:"p99_us"`
	ServerUS     float64 `json:"server_us"`
	ServerUserUS float64 `json:"server_user_us"`
	ClientUS     float64 `json:"client_us"`
	ClientUserUS float64 `json:"client_user_us"`
}

// window is a stretch of time over which calls and processor time are counted.
type window struct {
	serverPID int
	server    times
	client    times
	begun     time.Time
}

func open(serverPID int) (*window, error) {
	server, err := timesOf(serverPID)
	if err != nil {
		return nil, err
	}
	client, err := timesOf(os.Getpid())
	return &window{serverPID, server, client, time.Now()}, err
}

func (w *window) close(each [][]time.Duration) (*figures, error) {
	took := time.Since(w.begun).Seconds()
	client, err := timesOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	server, err := timesOf(w.serverPID)
	if err != nil {
		return nil, err
	}
	taken := slices.Concat(each...)
	if len(taken) == 0 {
		return nil, errors.New("not one call was answered in the time of the measurement")
	}
	slices.Sort(taken)
	count := float64(len(taken))
	return &figures{
		Count:        len(taken),
		TookS:        took,
		P50US:        taken[len(taken)/2].Seconds() * 1e6,
		P99US:        taken[len(taken)*99/100].Seconds() * 1e6,
		ServerUS:     (server.all - w.server.all) / count * 1e6,
		ServerUserUS: (server.user - w.server.user) / count * 1e6,
		ClientUS:     (client.all - w.client.all) / count * 1e6,
		ClientUserUS: (client.user - w.client.user) / count * 1e6,
	}, nil
}

// times are seconds of the processor, in user mode and in all.
type times struct {
	user, all float64
}

// timesOf reads fields 14 and 15 of proc(5), after the name in brackets.
func timesOf(pid int) (times, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return times{}, err
	}
	after := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	user, err := strconv.Atoi(after[11])
	if err != nil {
		return times{}, err
	}
	system, err := strconv.Atoi(after[12])
	// Linux counts in hundredths of a second here, whatever its own clock does.
	return times{float64(user) / 100, float64(user+system) / 100}, err
}
