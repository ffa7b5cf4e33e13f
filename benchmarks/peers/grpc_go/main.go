// Command grpc_go serves or calls orders over gRPC, as its argument says in JSON.
package main

import (
	"encoding/json"
	"log"
	"os"
)

// job is what the benchmark's own children are told, as far as it matters here.
type job struct {
	Role      string `json:"role"`
	Port      int    `json:"port"`
	ServerPID int    `json:"server_pid"`
	// Request is the path of the order to send, in JSON.
	Request string `json:"request"`
	// Certificate is the path of the server's, with its key; empty: no TLS.
	Certificate string `json:"certificate"`
}

// maxMessage is grpcio's limit in this benchmark, too.
const maxMessage = 64 << 20

func main() {
	var what job
	if err := json.Unmarshal([]byte(os.Args[1]), &what); err != nil {
		log.Fatal(err)
	}
	run := serve
	if what.Role == "call" {
		run = call
	}
	if err := run(what); err != nil {
		log.Fatal(err)
	}
}

// report writes one line to the parent.
func report(what any) error {
	return json.NewEncoder(os.Stdout).Encode(what)
}
