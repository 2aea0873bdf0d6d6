// Package dnstap copies DNS messages, as they are on the wire, to who wants to see them: the
// queries of clients and their responses, and what servers and forwarders are asked and reply. A
// message is a protocol buffer (dnstap.info), and a file, a socket or a connection has a stream of
// them (Frame Streams). No query ever waits for it: what cannot be written as fast as messages come
// is dropped, and counted.
package dnstap

import (
	"net/netip"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/querylog"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Destination is where messages go.
type Destination uint8

// The destinations.
const (
	Off Destination = iota
	File
	Unix
	TCP
)

func (d Destination) String() string { return [...]string{"off", "file", "unix", "tcp"}[d] }

// Kind is the kind of a message, with the number that it has in the schema (Message.Type).
type Kind uint8

// The kinds.
const (
	ResolverQuery Kind = iota + 3
	ResolverResponse
	ClientQuery
	ClientResponse
	ForwarderQuery
	ForwarderResponse
	kinds
)

func (k Kind) String() string {
	return [...]string{"resolver_query", "resolver_response", "client_query", "client_response",
		"forwarder_query", "forwarder_response"}[k-ResolverQuery]
}

// Kinds returns all kinds.
func Kinds() (all []Kind) {
	for k := ResolverQuery; k < kinds; k++ {
		all = append(all, k)
	}
	return all
}

// response reports whether messages of the kind are responses.
func (k Kind) response() bool { return k%2 == 0 }

// auto is the identity and the version of an operator who has not named them.
const auto = "auto"

// Config is what the operator decides.
type Config struct {
	To       Destination
	Path     string // of the file
	Socket   string // of the reader, in the file system
	Address  string // of the reader, with its port
	Messages []Kind // that are wanted
	Sample   int    // one query in so many
	Clients  querylog.Privacy
	Identity string // of this server; "" for none
	Version  string // the same
	MaxSize  int64  // octets of the file
	Files    int    // that were full before, and are kept
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Messages: Kinds(), Sample: 1, Identity: auto, Version: auto, MaxSize: 64 << 20,
		Files: 8}
}

// Named returns the configuration with a name and a version in place of auto.
func (c Config) Named(version string) Config {
	if c.Identity == auto {
		c.Identity, _ = os.Hostname()
	}
	if c.Version == auto {
		c.Version = "bailiwick " + version
	}
	return c
}

// Equal reports whether two configurations are the same.
func (c Config) Equal(o Config) bool { return reflect.DeepEqual(c, o) }

// samePlace reports whether the messages of two configurations go to the same place, so that one
// sender has to send both.
func (c Config) samePlace(o Config) bool {
	return c.To == o.To && c.Place() == o.Place()
}

// Place returns the path or the address of the destination.
func (c Config) Place() string {
	return [...]string{"", c.Path, c.Socket, c.Address}[c.To]
}

// Message is a message of one side of an exchange.
type Message struct {
	Kind     Kind
	Protocol transport.Protocol
	Asker    netip.AddrPort // whose query it is; the zero value if that is not known
	Answerer netip.AddrPort // who is asked; the same, and the port alone may be known
	Asked    time.Time
	Answered time.Time // of responses
	Packet   []byte    // the DNS message
	Zone     wire.Name // whose servers are asked; zero for clients
	Policy   *Policy   // that decided it; nil for none
	Cause    cause.Cause
}

// Tap passes the messages that the operator wants to a sender. A nil Tap wants none.
type Tap struct {
	*Sender
	cfg     Config
	wants   [kinds]bool
	clients atomic.Uint64 // queries of clients so far
	servers atomic.Uint64 // queries to servers so far
	head    []byte        // identity and version, encoded
}

// NewTap returns a tap by a configuration whose names are known, see [Config.Named].
func NewTap(cfg Config, s *Sender) *Tap {
	t := &Tap{Sender: s, cfg: cfg, head: appendHead(nil, cfg.Identity, cfg.Version)}
	for _, k := range cfg.Messages {
		t.wants[k] = true
	}
	return t
}

// Config returns the configuration that it has.
func (t *Tap) Config() Config {
	if t == nil {
		return Config{}
	}
	return t.cfg
}

// OfClients reports whether the messages about a client's query that has come now are wanted. A
// sample has the first query of each so many: a count, unlike chance, has the same number in every
// minute.
func (t *Tap) OfClients() bool {
	return t != nil && (t.wants[ClientQuery] || t.wants[ClientResponse]) && t.due(&t.clients)
}

// OfServers reports the same of a query that is about to be sent to a server.
func (t *Tap) OfServers() bool {
	return t != nil && (t.wants[ResolverQuery] || t.wants[ResolverResponse] ||
		t.wants[ForwarderQuery] || t.wants[ForwarderResponse]) && t.due(&t.servers)
}

// due counts a query, and reports whether it belongs to the sample.
func (t *Tap) due(n *atomic.Uint64) bool {
	return t.cfg.Sample <= 1 || (n.Add(1)-1)%uint64(t.cfg.Sample) == 0
}

// Put has a message written, if its kind is wanted. It never waits, and keeps nothing of m.
func (t *Tap) Put(m *Message) {
	if !t.wants[m.Kind] {
		return
	}
	if m.Kind == ClientQuery || m.Kind == ClientResponse {
		m.Asker = masked(m.Asker, t.cfg.Clients)
	}
	room := rooms.Get().(*[]byte)
	*room = t.appendFrame((*room)[:0], m)
	t.put(*room)
	rooms.Put(room)
}

// masked returns what of a client's address is told. A network has no port.
func masked(a netip.AddrPort, p querylog.Privacy) netip.AddrPort {
	addr := a.Addr().Unmap().WithZone("")
	switch p {
	case querylog.Omit:
		return netip.AddrPort{}
	case querylog.Prefix:
		return netip.AddrPortFrom(transport.ClientPrefix(addr).Addr(), 0)
	}
	return netip.AddrPortFrom(addr, a.Port())
}
