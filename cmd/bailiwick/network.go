// What follows from a change of the network.

package main

import (
	"time"

	"bailiwick/internal/routes"
	"bailiwick/transport"
)

// networkChanged has servers be asked again that may have been out of reach, and connections made
// anew that lead nowhere now.
func (r *running) networkChanged(c routes.Change) {
	r.metrics.NetworkChanged(c.Slept > 0)
	if n, ok := r.exchanger.(*transport.NetExchanger); ok && (c.Uplink || c.Slept > 0) {
		n.Renew()
	}
	r.now().resolver.NetworkChanged()
	if c.Slept > 0 {
		r.log.Info("the machine has slept", "for", c.Slept.Round(time.Second).String())
	} else {
		r.log.Info("the network has changed", "ipv4", c.V4, "ipv6", c.V6, "uplink", c.Uplink)
	}
}
