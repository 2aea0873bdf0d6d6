// What a program decides about its resolver.

package bailiwick

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"bailiwick/cache"
	"bailiwick/internal/pemfile"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Config is what a program decides about its resolver. The zero value is a recursive resolver of
// the public DNS that validates from the built-in trust anchors of the root.
type Config struct {
	// Forwarders are resolvers that are asked in place of the authoritative servers. Without any,
	// names are resolved from the root.
	Forwarders []Forwarder
	// TrustAnchors are DS or DNSKEY records in presentation form. nil stands for the root's keys as
	// IANA has published them when this version was made.
	TrustAnchors []string
	// Insecure are zones at and below which nothing is validated, such as a private zone that
	// the public DNS denies.
	Insecure []string
	// Memory is what the caches may take, in bytes; 0: DefaultMemory.
	Memory int
	// MaxQueries is how many questions are resolved at once; 0: DefaultMaxQueries. The oldest ones
	// are ended for new ones.
	MaxQueries int
	// AllowLoopback has servers at loopback addresses asked. It is needed for a forwarder on this
	// machine. A zone of anybody's could name such an address otherwise, to reach what listens
	// there.
	AllowLoopback bool
	// RootServers are the addresses of the root's servers, nil for those of the public DNS, and
	// Port is where all authoritative servers listen, 0 for 53. Both are for a DNS of one's own,
	// such as that of `bailiwick lab`.
	RootServers []netip.Addr
	Port        uint16
	// Log gets a line for each panic, and at the level debug for each step of a resolution; nil:
	// [slog.Default].
	Log *slog.Logger
}

const (
	// DefaultMemory is what the caches may take by default, in bytes: some 8,000 names.
	DefaultMemory = 32 << 20
	// DefaultMaxQueries is how many questions are resolved at once by default.
	DefaultMaxQueries = resolver.MaxFlights
	// maxMaxQueries bounds MaxQueries, as the server does.
	maxMaxQueries = 1 << 20
	// queryMemory is what one question takes with its messages, in bytes; see docs/limits.md.
	queryMemory = 64 << 10
)

// Forwarder is one or more resolvers that names are forwarded to. They are asked with the RD flag,
// and have to pass DNSSEC records on, as what they say is validated here.
type Forwarder struct {
	// Zone is at and below which names are forwarded; "" for all names. The deepest zone counts.
	Zone string
	// Servers are their addresses; port 0 is that of the transport. The fastest one is asked.
	Servers []netip.AddrPort
	// Transport is how they are asked. Those that encrypt need ServerName.
	Transport Transport
	// ServerName is the name that the servers' certificate has to be for.
	ServerName string
	// Roots are the authorities that may have issued it; nil: the system's.
	Roots *x509.CertPool
	// Path is that of the URL, for DoH and DoH3; "" for /dns-query.
	Path string
}

// Transport is how forwarders are asked.
type Transport uint8

// The transports.
const (
	UDP  Transport = iota // and TCP for what does not fit
	TCP                   // RFC 7766
	DoT                   // RFC 7858
	DoH                   // RFC 8484, over HTTP/2 and HTTP/1.1
	DoH3                  // RFC 8484, over HTTP/3
	DoQ                   // RFC 9250
)

// protocols are the transports as the resolver has them.
var protocols = [...]transport.Protocol{UDP: transport.UDP, TCP: transport.TCP,
	DoT: transport.DoT, DoH: transport.DoH, DoH3: transport.DoH3, DoQ: transport.DoQ}

// String returns the transport's name.
func (t Transport) String() string {
	if int(t) >= len(protocols) {
		return fmt.Sprintf("Transport(%d)", uint8(t))
	}
	return protocols[t].String()
}

// complete returns the parts that a configuration decides about, or all that is wrong with it.
func (c *Config) complete() (cfg resolver.Config, anchors *trustanchor.Set, memory cache.Config,
	err error) {
	cfg, memory = resolver.Default(), cache.Default()
	cfg.DoNotQueryLocalhost = !c.AllowLoopback
	var wrong []error
	anchors, errs := c.anchors()
	wrong = append(wrong, errs...)
	memory.Memory = DefaultMemory
	if c.Memory != 0 {
		memory.Memory = c.Memory
	}
	if memory.Memory < cache.MinMemory {
		wrong = append(wrong, fmt.Errorf("memory %d: at least %d are needed", c.Memory,
			cache.MinMemory))
	}
	if c.MaxQueries != 0 {
		cfg.MaxFlights = c.MaxQueries
	}
	if cfg.MaxFlights < 1 || cfg.MaxFlights > maxMaxQueries {
		wrong = append(wrong, fmt.Errorf("max queries %d: 1 to %d are possible", c.MaxQueries,
			maxMaxQueries))
	}
	if c.Port != 0 {
		cfg.Port = c.Port
	}
	if len(c.RootServers) > 0 {
		cfg.Hints, cfg.Prime = []cache.NameServer{{Name: hintsName, Addrs: c.RootServers}}, false
	}
	for _, a := range c.RootServers {
		wrong = append(wrong, c.unfit("root server", a))
	}
	seen := map[wire.Name]bool{}
	for i := range c.Forwarders {
		zone, err := c.zoneOf(&c.Forwarders[i])
		if err == nil && seen[zone.Name] {
			err = fmt.Errorf("forwarder of %s: the zone has another one", zone.Name)
		}
		seen[zone.Name] = true
		wrong, cfg.Zones = append(wrong, err), append(cfg.Zones, zone)
	}
	return cfg, anchors, memory, errors.Join(wrong...)
}

// hintsName is the name of root servers that are given by address. They are not asked who the
// root's servers are (RFC 8109): a small DNS of one's own need not tell their addresses.
var hintsName = wire.MustParseName("hints.invalid.")

// anchors returns where trust starts, and where it ends.
func (c *Config) anchors() (set *trustanchor.Set, wrong []error) {
	if c.TrustAnchors == nil {
		set = trustanchor.Builtin()
	} else {
		set = &trustanchor.Set{}
		if len(c.TrustAnchors) == 0 {
			wrong = append(wrong, errors.New("trust anchors: there are none, so nothing could be "+
				"validated; nil stands for the built-in ones"))
		}
		for _, a := range c.TrustAnchors {
			if err := set.Add(a); err != nil {
				wrong = append(wrong, fmt.Errorf("trust anchor %q: %w", a, err))
			}
		}
	}
	for _, z := range c.Insecure {
		name, err := trustanchor.ParseZone(z)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("insecure zone: %w", err))
			continue
		}
		set.Except(name, trustanchor.Insecure)
	}
	return set, wrong
}

// unfit returns why an address that the program has given cannot be asked, nil if it can.
func (c *Config) unfit(what string, a netip.Addr) error {
	switch a = a.Unmap(); {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast():
		return fmt.Errorf("%s %v: that is not a server's address", what, a)
	case a.IsLoopback() && !c.AllowLoopback:
		return fmt.Errorf("%s %v is on this machine: that needs AllowLoopback", what, a)
	}
	return nil
}

// zoneOf returns a forwarder as the resolver has it.
func (c *Config) zoneOf(f *Forwarder) (z resolver.Zone, err error) {
	z.Name, z.Forward = wire.Root, true
	if f.Zone != "" && f.Zone != "." {
		if z.Name, err = trustanchor.ParseZone(f.Zone); err != nil {
			return z, fmt.Errorf("forwarder: %w", err)
		}
	}
	about := "forwarder of " + z.Name.String()
	if int(f.Transport) >= len(protocols) {
		return z, fmt.Errorf("%s: %v is not a transport", about, f.Transport)
	}
	z.Via = protocols[f.Transport]
	switch encrypted := z.Via.Encrypted(); {
	case len(f.Servers) == 0:
		return z, fmt.Errorf("%s: it has no servers", about)
	case encrypted && f.ServerName == "":
		return z, fmt.Errorf("%s: %v needs ServerName, which the servers have to prove", about,
			f.Transport)
	case !encrypted && (f.ServerName != "" || f.Roots != nil):
		return z, fmt.Errorf("%s: %v proves no ServerName", about, f.Transport)
	case f.Path != "" && (!z.Via.HTTP() || f.Path[0] != '/'):
		return z, fmt.Errorf("%s: path %q is for DoH, and begins with /", about, f.Path)
	}
	z.Peer = &transport.Peer{Name: f.ServerName, Roots: pemfile.Fixed(f.Roots), Path: f.Path}
	for _, s := range f.Servers {
		if err := c.unfit(about+": server", s.Addr()); err != nil {
			return z, err
		}
		if s.Port() == 0 {
			s = netip.AddrPortFrom(s.Addr(), z.Via.Port())
		}
		z.Addrs = append(z.Addrs, s)
	}
	return z, nil
}
