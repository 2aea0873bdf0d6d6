package transport

import "time"

// Config is the operator's configuration of the transports, except for the addresses.
type Config struct {
	Gate         GateConfig
	Certificates []CertificateFile
	Tickets      TicketConfig
	Path         string // of DNS over HTTPS
	Source       Source // of questions to servers
	// Absent allows listeners at addresses that this machine does not have yet.
	Absent bool
}

// TicketConfig is the operator's configuration of TLS session tickets.
type TicketConfig struct {
	// Secret is a file that servers share, so that each resumes sessions of the others. With "" the
	// server makes a secret of its own.
	Secret   string
	Rotation time.Duration // time after which new tickets are made with another key
}

// Default returns the default configuration.
func Default() Config {
	return Config{
		Gate: GateConfig{Max: maxConnections, Queries: maxQueriesPerConnection, Idle: maxIdle,
			Memory: maxHeld},
		Tickets: TicketConfig{Rotation: ticketRotation},
		Path:    "/dns-query", // as in the examples of RFC 8484
	}
}
