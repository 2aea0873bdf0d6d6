// What follows from a change of the network.

package main

import (
	"fmt"
	"time"

	"bailiwick/internal/routes"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// networkChanged has servers be asked again that may have been out of reach, and connections made
// anew that lead nowhere now.
func (r *running) networkChanged(c routes.Change) {
	r.rest.Stir()
	r.metrics.NetworkChanged(c.Slept > 0)
	if n, ok := r.exchanger.(*transport.NetExchanger); ok && (c.Uplink || c.Slept > 0) {
		n.Renew()
	}
	r.now().resolver.NetworkChanged()
	r.nameNetwork(r.now().Config.Transport.Source)
	r.dropNetworks()
	if c.Slept > 0 {
		r.log.Info("the machine has slept", "for", c.Slept.Round(time.Second).String())
	} else {
		r.log.Info("the network has changed", "ipv4", c.V4, "ipv6", c.V6, "uplink", c.Uplink)
	}
}

// forgedText is what people read of a network that answers in place of the Internet's servers.
const forgedText = "this network answers in place of the root's servers, without signatures: a " +
	"captive portal, or a firewall that redirects DNS"

// sayNetwork logs that the network has begun to forge replies, or has ceased to.
func (r *running) sayNetwork(is resolver.NetworkState) {
	was := r.network
	r.network = is
	switch {
	case is == resolver.NetworkForged && was != is:
		r.console.Warn("network", forgedText)
		r.log.Warn("the network forges replies", "detail", forgedText, "hint",
			"log in to the network if it asks for that; nothing that should be signed is "+
				"answered until then, or use a forwarder over TLS or HTTPS that validates")
	case is != resolver.NetworkForged && was == resolver.NetworkForged:
		r.console.Warn("network", "")
		r.log.Info("the network forges no replies any more", "state", is.String())
	}
}

// nameNetwork tells the resolver from which network servers are asked.
func (s *stack) nameNetwork(from transport.Source) {
	s.now().resolver.SetNetwork(fmt.Sprint(s.routes.Uplink(), from.Addrs, from.Interface))
}
