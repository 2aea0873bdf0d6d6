package transport

import "time"

// Config is what the operator decides about the transports, but for where they are served.
type Config struct {
	Gate         GateConfig
	Certificates []CertificateFile
	Tickets      TicketConfig
	Path         string // of DNS over HTTPS
}

// TicketConfig is what the operator decides about the tickets by which clients resume sessions.
type TicketConfig struct {
	// Secret is a file that servers share, so that each resumes the others' sessions; "" for one
	// that the server makes for itself.
	Secret   string
	Rotation time.Duration // after so long new tickets have another key
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{
		Gate: GateConfig{Max: maxConnections, Queries: maxQueriesPerConnection, Idle: maxIdle,
			Memory: maxHeld},
		Tickets: TicketConfig{Rotation: ticketRotation},
		Path:    "/dns-query", // as in the examples of RFC 8484
	}
}
