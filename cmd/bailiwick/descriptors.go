// How many file descriptors the configuration may need, and what comes of fewer.

package main

import (
	"fmt"

	"bailiwick/internal/cause"
	"bailiwick/internal/config"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// demandOf returns how many descriptors a configuration may need at once.
func demandOf(cfg *config.Config) transport.Demand {
	sockets := 0
	for _, p := range transport.Protocols() {
		each := 1
		if p.Network() == "udp" {
			each = cores
		}
		sockets += each * len(cfg.Listen[p])
	}
	return transport.DemandOf(cfg.Transport.Gate, sockets,
		cfg.Resolver.MaxFlights+resolver.MaxOpenTries)
}

// newGate makes what counts connections, within the descriptors that the process may have. With so
// few that nobody would be served it fails; with fewer than may be needed there are fewer
// connections, and each question has to wait for its socket at worst.
func (r *running) newGate() error {
	c := r.cfg.Transport.Gate
	c.Descriptors, c.Demand, c.Ledger = transport.DescriptorLimit(), demandOf(r.cfg), r.ledger
	if least := c.Demand.Least(); c.Descriptors > 0 && c.Descriptors < least {
		return fmt.Errorf("this process may have %d descriptors open, and needs %d for %d sockets "+
			"of listeners, its files, and a few clients: %s", c.Descriptors, least,
			c.Demand.Listeners, cause.Descriptors.Hint())
	}
	r.gate = transport.NewGate(c)
	r.metrics.WatchGate(r.gate)
	r.metrics.WatchLedger(r.ledger)
	r.setDemand(r.cfg)
	r.log.Info("connections that clients may have", "connections", r.gate.Seats(), "per_client",
		r.gate.PerClient(), "descriptors", c.Descriptors, "reserved", r.gate.Reserved())
	return nil
}

// setDemand reports the demand of a configuration, if it is another one than before.
func (r *running) setDemand(cfg *config.Config) {
	d := demandOf(cfg)
	if d == r.demand {
		return
	}
	r.demand = d
	r.metrics.Needed(d)
	if limit := transport.DescriptorLimit(); limit > 0 && limit < d.Total() {
		r.log.Warn("there are fewer descriptors than may be needed", "limit", limit, "needed",
			d.Total(), "listeners", d.Listeners, "clients", d.Clients, "upstream", d.Upstream,
			"files", d.Files, "connections", r.gate.Seats(), "cure", cause.Descriptors.Hint())
	}
}

// descriptorsText tells the demand and the limit, in a line.
func (r *running) descriptorsText() string {
	d := demandOf(r.now().Config)
	limit := "any number"
	if n := transport.DescriptorLimit(); n > 0 {
		limit = fmt.Sprint(n)
	}
	return fmt.Sprintf("%s may be open; %d may be needed: %d for listeners, %d for clients, %d "+
		"for questions to servers, %d for files", limit, d.Total(), d.Listeners, d.Clients,
		d.Upstream, d.Files)
}
