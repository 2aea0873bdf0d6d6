// The directive in a Corefile.

package coredns

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"bailiwick"
)

func init() { plugin.Register(name, setup) }

// setup adds the plugin to a server block.
func setup(c *caddy.Controller) error {
	h, err := parseDirective(c)
	if err != nil {
		return plugin.Error(name, err)
	}
	c.OnStartup(h.start)
	c.OnShutdown(h.stop)
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.next = next
		return h
	})
	return nil
}

// parseDirective reads the directive of a server block, and has the library check it.
func parseDirective(c *caddy.Controller) (*handler, error) {
	h := &handler{}
	for c.Next() {
		if h.zones != nil {
			return nil, plugin.ErrOnce
		}
		h.zones = plugin.OriginsFromArgsOrServerBlock(c.RemainingArgs(), c.ServerBlockKeys)
		if len(h.zones) == 0 {
			return nil, c.Err("there is no zone that it is for")
		}
		for c.NextBlock() {
			if err := h.option(c.Val(), c.RemainingArgs()); err != nil {
				return nil, c.Errf("%s: %v", c.Val(), err)
			}
		}
	}
	r, err := bailiwick.New(h.config)
	if err != nil {
		return nil, err
	}
	r.Close() // the one that works is made when the server starts
	return h, nil
}

// option reads a line of the directive's block.
func (h *handler) option(key string, args []string) (err error) {
	if key == "allow_loopback" {
		if len(args) > 0 {
			return errors.New("it has no value")
		}
		h.config.AllowLoopback = true
		return nil
	}
	if len(args) == 0 {
		return errors.New("the value is missing")
	}
	c := &h.config
	switch key {
	case "forward":
		return h.forward(args)
	case "trust_anchor":
		c.TrustAnchors = append(c.TrustAnchors, args...)
	case "insecure":
		c.Insecure = append(c.Insecure, args...)
	case "root_servers":
		for _, a := range args {
			addr, err := netip.ParseAddr(a)
			if err != nil {
				return err
			}
			c.RootServers = append(c.RootServers, addr)
		}
	case "port":
		port, err := strconv.ParseUint(args[0], 10, 16)
		c.Port = uint16(port)
		return errors.Join(err, single(args))
	case "memory":
		c.Memory, err = strconv.Atoi(args[0])
		return errors.Join(err, single(args))
	case "max_queries":
		c.MaxQueries, err = strconv.Atoi(args[0])
		return errors.Join(err, single(args))
	default:
		return errors.New("there is no such option")
	}
	return nil
}

// single returns an error for more than one value.
func single(args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("%q is too much", args[1])
	}
	return nil
}

// forward reads a zone, the addresses of its forwarders, and the name that they have to prove over
// TLS: ZONE ADDRESS... [tls NAME].
func (h *handler) forward(args []string) error {
	f := bailiwick.Forwarder{Zone: args[0]}
	args = args[1:]
	if n := len(args); n >= 2 && args[n-2] == "tls" {
		f.Transport, f.ServerName = bailiwick.DoT, args[n-1]
		args = args[:n-2]
	}
	for _, a := range args {
		at, err := netip.ParseAddrPort(a)
		if err != nil {
			addr, wrong := netip.ParseAddr(a)
			if wrong != nil {
				return wrong
			}
			at = netip.AddrPortFrom(addr, 0)
		}
		f.Servers = append(f.Servers, at)
	}
	h.config.Forwarders = append(h.config.Forwarders, f)
	return nil
}
