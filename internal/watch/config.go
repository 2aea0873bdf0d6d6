// Package watch looks after zones that the operator names. Each is asked about every few minutes,
// by the resolver, as a client would, and on its own servers and those of its parent: whether it
// validates, how long its signatures last, whether DS, CDS and servers agree, and how far rollovers
// of its keys are. All probes together have a budget of their own. What is found is kept over
// restarts: the success rate of a month, findings, rollovers. All other zones are observed as
// clients ask for them, and never asked about.
package watch

import (
	"cmp"
	"time"

	"bailiwick/wire"
)

// Config is what the operator decides about watched zones.
type Config struct {
	Zones    []Zone
	Interval time.Duration // between two probes of a zone
	Queries  int           // that all probes together may send in a minute
	// Objective is the part of responses that ought not to fail validation, in percent, and of the
	// probes of watched zones that ought to succeed, unless a zone has its own.
	Objective float64

	// NoIPv4 and NoIPv6 leave servers of a family out; Port is that of servers, 0: the usual one.
	// The resolver's own settings are used.
	NoIPv4, NoIPv6 bool
	Port           uint16
}

// Zone is a zone that is watched.
type Zone struct {
	Name      wire.Name
	Objective float64 // in percent; 0: that of all zones
	Owner     string  // whom to tell
}

// Default returns the configuration of an operator who has decided nothing: no zone is watched.
func Default() Config {
	return Config{Interval: 5 * time.Minute, Queries: 300, Objective: 99.9}
}

// objective returns the part of a zone's probes that ought to succeed, in percent.
func (c *Config) objective(z *Zone) float64 { return cmp.Or(z.Objective, c.Objective) }
