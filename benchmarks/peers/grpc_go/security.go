package main

import (
	"crypto/tls"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// ofServer returns what a server shows to its clients.
func ofServer(what job) (credentials.TransportCredentials, error) {
	if what.Certificate == "" {
		return insecure.NewCredentials(), nil
	}
	pair, err := tls.LoadX509KeyPair(what.Certificate, what.Certificate)
	return credentials.NewServerTLSFromCert(&pair), err
}

// ofClient returns what a client trusts.
func ofClient(what job) (credentials.TransportCredentials, error) {
	if what.Certificate == "" {
		return insecure.NewCredentials(), nil
	}
	return credentials.NewClientTLSFromFile(what.Certificate, "")
}
