package bailiwick_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"bailiwick"
)

// Example resolves names from the root of the lab, a small signed DNS on this machine. For the
// public DNS the configuration is bailiwick.Config{}.
func Example() {
	lab := startLab()
	defer lab.stop()
	r, err := bailiwick.New(bailiwick.Config{RootServers: lab.roots, Port: lab.port,
		TrustAnchors: []string{lab.anchor}, AllowLoopback: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	for _, name := range []string{"www.secure.example", "www.unsigned.example",
		"no.secure.example", "www.expired.faulty"} {
		answer, err := r.Resolve(context.Background(), name, bailiwick.TypeA)
		var failure *bailiwick.Failure
		switch {
		case errors.As(err, &failure):
			fmt.Println(name, failure.Status, failure.Cause, failure.Extended.Code)
		case err != nil:
			log.Fatal(err) // the name is not one
		default:
			fmt.Println(name, answer.Status, answer.RCode, answer.Addrs())
		}
	}
	// Output:
	// www.secure.example secure NOERROR [192.0.2.1]
	// www.unsigned.example insecure NOERROR [192.0.2.1]
	// no.secure.example secure NXDOMAIN []
	// www.expired.faulty bogus signature_expired 7
}

// ExampleForwarder forwards all names to a resolver, and validates what it says.
func ExampleForwarder() {
	lab := startLab()
	defer lab.stop()
	r, err := bailiwick.New(bailiwick.Config{
		Forwarders:   []bailiwick.Forwarder{{Servers: lab.resolver()}},
		TrustAnchors: []string{lab.anchor}, AllowLoopback: true})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()

	answer, err := r.Ask(context.Background(), bailiwick.Question{Name: "www.secure.example",
		Type: bailiwick.TypeA, DNSSEC: true})
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range answer.Records {
		fmt.Println(record.Name, record.Type)
	}
	fmt.Println(answer.Status)
	// Output:
	// www.secure.example. A
	// www.secure.example. RRSIG
	// secure
}
