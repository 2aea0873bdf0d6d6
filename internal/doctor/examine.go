// What is asked of whom.

package doctor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/transport"
	"bailiwick/wire"
)

// Config is what an examination is to look at.
type Config struct {
	// Root is the folder that the files of the machine are read below, and Proc its /proc.
	Root, Proc string
	// Wanted are the addresses that the server is to listen at; none: it is not there yet.
	Wanted []Socket
	// Resolvers are asked in place of those of resolv.conf, unless there are none.
	Resolvers []netip.AddrPort
	// Forwarders are the servers that the configuration forwards the root to; with any of them the
	// root's servers need not be reached.
	Forwarders []Forwarder
	// Authorities are the root's servers, and Known are names with their addresses.
	Authorities []netip.AddrPort
	Known       []Host
	// Nobody are addresses where no server is: who answers there stands on the path.
	Nobody []netip.AddrPort
	// Large is a question to resolvers whose answer is large, besides the root's keys; the zero
	// value for none.
	Large    wire.Question
	Anchors  *wire.RRset // of the root; nil: signatures are not verified
	Skew     time.Duration
	Earliest time.Time // the clock is taken for not set before; zero: never
	// Certificates are those that the configuration names.
	Certificates []transport.NamedCertificate
	Families     func() (ipv4, ipv6 bool)
	Timeout      time.Duration // for a reply
	Now          time.Time
}

// Forwarder is a server that is forwarded to.
type Forwarder struct {
	Addr     netip.AddrPort
	Via      transport.Protocol
	Peer     *transport.Peer
	Insecure bool // what it says is not validated
}

// Host is a name with the addresses that it is known to have.
type Host struct {
	Name  wire.Name
	Addrs []netip.Addr
}

// role is why a server is asked.
type role uint8

const (
	rolePath      role = iota // programs ask it
	roleUplink                // systemd-resolved asks it
	roleOwn                   // it is the server of the configuration
	roleForwarder             // the server forwards to it
	roleAuthority             // it is one of the root's
	roleNobody                // no server is there
)

// server is one that is asked.
type server struct {
	addr    netip.AddrPort
	roles   []role
	forward *Forwarder // what it is as a forwarder; nil: it is none
	replies []*reply
}

// is reports whether a server has a role.
func (s *server) is(r role) bool { return slices.Contains(s.roles, r) }

// asked is a question in a form.
type asked struct {
	wire.Question
	via  transport.Protocol
	size uint16 // over UDP
}

// reply is what came; msg is nil if nothing did.
type reply struct {
	asked
	msg    *wire.Message
	octets int
	err    error
}

// Observations are all that was seen.
type Observations struct {
	Config
	Machine
	Holders []Holder // of the addresses that the server is to listen at
	serving []Holder // of those on this machine that programs ask
	servers []*server
	absent  [2]wire.Name // names that do not exist
	sent    atomic.Int64
}

// Sent returns how many questions were sent, with repetitions.
func (o *Observations) Sent() int { return int(o.sent.Load()) }

// Examine looks at the machine and asks all servers, until ctx ends at the latest.
func Examine(ctx context.Context, c Config, over transport.Exchanger) *Observations {
	o := &Observations{Config: c, Machine: readMachine(c.Root), Holders: Holders(c.Proc, c.Wanted)}
	o.V4, o.V6 = c.Families()
	if len(c.Resolvers) > 0 {
		o.ResolvConf.Servers = c.Resolvers
	}
	for i := range o.absent {
		o.absent[i] = randomName()
	}
	o.list()
	var asked []Socket
	for _, s := range o.of(rolePath) {
		if s.addr.Addr().IsLoopback() {
			asked = append(asked, Socket{Addr: s.addr})
		}
	}
	o.serving = Holders(c.Proc, asked)
	var all sync.WaitGroup
	for _, s := range o.servers {
		for _, q := range o.questions(s) {
			r := &reply{asked: q}
			s.replies = append(s.replies, r)
			all.Go(func() { o.ask(ctx, over, s, r) })
		}
	}
	all.Wait()
	return o
}

// list collects the servers that are asked. One in several roles is asked once.
func (o *Observations) list() {
	add := func(r role, addrs ...netip.AddrPort) {
		for _, a := range addrs[:min(len(addrs), maxServers)] {
			s := o.serverAt(a)
			if s == nil {
				s = &server{addr: a}
				o.servers = append(o.servers, s)
			}
			s.roles = append(s.roles, r)
		}
	}
	add(rolePath, o.asked()...)
	if o.Resolved {
		add(roleUplink, o.Uplinks...)
	}
	var own []netip.AddrPort
	for _, w := range o.Wanted {
		if a := Reachable(w.Addr); !slices.Contains(own, a) {
			own = append(own, a)
		}
	}
	add(roleOwn, own...)
	for i := range o.Forwarders[:min(len(o.Forwarders), maxServers)] {
		// The same address over TLS is another server.
		o.servers = append(o.servers, &server{addr: o.Forwarders[i].Addr,
			forward: &o.Forwarders[i], roles: []role{roleForwarder}})
	}
	for _, family := range []func(netip.AddrPort) bool{isV4, isV6} {
		if family(v4) && !o.V4 || !family(v4) && !o.V6 {
			continue
		}
		add(roleAuthority, filter(o.Authorities, family)...)
		add(roleNobody, filter(o.Nobody, family)...)
	}
}

// v4 is any address of IPv4.
var v4 = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)

func isV4(a netip.AddrPort) bool { return a.Addr().Is4() }
func isV6(a netip.AddrPort) bool { return a.Addr().Is6() }

// filter returns the addresses that are wanted.
func filter(all []netip.AddrPort, wanted func(netip.AddrPort) bool) (kept []netip.AddrPort) {
	for _, a := range all {
		if wanted(a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// serverAt returns the server that is asked at an address without encryption, nil if there is none.
func (o *Observations) serverAt(a netip.AddrPort) *server {
	for _, s := range o.servers {
		if s.addr == a && s.forward == nil {
			return s
		}
	}
	return nil
}

// Reachable returns the address at which a listener is asked: loopback for all addresses.
func Reachable(a netip.AddrPort) netip.AddrPort {
	switch {
	case a.Addr() == netip.IPv4Unspecified():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port())
	case a.Addr() == netip.IPv6Unspecified():
		return netip.AddrPortFrom(netip.IPv6Loopback(), a.Port())
	}
	return a
}

// randomName returns a top-level domain that does not exist: the root signs the proof of it.
func randomName() wire.Name {
	const letters = "bcdfghjklmnpqrstvwxz"
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	return wire.MustParseName(string(random[:]))
}

// question returns a question of class IN.
func question(n wire.Name, t wire.Type) wire.Question {
	return wire.Question{Name: n, Type: t, Class: wire.ClassIN}
}

// rootSOA and rootKeys are questions that every server with a whole DNS can answer.
var (
	rootSOA  = question(wire.Root, wire.TypeSOA)
	rootKeys = question(wire.Root, wire.TypeDNSKEY)
)

// questions returns what a server is asked.
func (o *Observations) questions(s *server) (all []asked) {
	add := func(q wire.Question, sizes ...uint16) {
		for _, size := range sizes {
			all = append(all, asked{q, transport.UDP, size})
		}
		all = append(all, asked{Question: q, via: transport.TCP})
	}
	switch {
	case s.forward != nil && s.forward.Via.Encrypted():
		for _, q := range []wire.Question{rootSOA, rootKeys} {
			all = append(all, asked{Question: q, via: s.forward.Via})
		}
		return all
	case s.is(roleNobody):
		return []asked{{rootSOA, transport.UDP, smallUDP}}
	}
	add(rootSOA, smallUDP)
	add(rootKeys, smallUDP, largeUDP)
	if s.is(roleAuthority) {
		return append(all, asked{question(o.absent[0], wire.TypeA), transport.UDP, smallUDP})
	}
	if o.Large != (wire.Question{}) {
		add(o.Large, smallUDP, largeUDP)
	}
	for _, n := range o.absent {
		all = append(all, asked{question(n, wire.TypeA), transport.UDP, smallUDP})
	}
	for _, h := range o.Known {
		all = append(all, asked{question(h.Name, h.Type()), transport.UDP, smallUDP})
	}
	return all
}

// Type returns the type of the first address.
func (h Host) Type() wire.Type {
	if len(h.Addrs) > 0 && h.Addrs[0].Is6() {
		return wire.TypeAAAA
	}
	return wire.TypeA
}

// ask asks a question, over UDP as often as a packet may be lost.
func (o *Observations) ask(ctx context.Context, over transport.Exchanger, s *server, r *reply) {
	flags := wire.FlagRD | wire.FlagAD
	if s.is(roleAuthority) {
		flags = 0
	}
	request := transport.Request{Server: s.addr, Via: r.via, Timeout: o.Timeout, AnyCase: true}
	if s.forward != nil {
		request.Peer = s.forward.Peer
	}
	tries := 1
	if r.via == transport.UDP {
		tries = maxTries
	}
	for range tries {
		var id [2]byte
		_, _ = rand.Read(id[:]) // never fails
		request.Query = wire.AppendQuery(nil, binary.BigEndian.Uint16(id[:]), flags,
			[]byte(r.Name.Wire()), r.Question.Type, max(r.size, smallUDP), true, nil)
		o.sent.Add(1)
		packet, err := over.Exchange(ctx, request)
		if r.err = err; err != nil {
			continue
		}
		r.octets = len(packet)
		r.msg, r.err = wire.Parse(packet)
		return
	}
}

// said returns the reply of a server in a form; nil if it was not asked so.
func (s *server) said(q wire.Question, via transport.Protocol, size uint16) *reply {
	for _, r := range s.replies {
		if r.asked == (asked{q, via, size}) {
			return r
		}
	}
	return nil
}

// overUDP returns the usual reply, nil if none came.
func (s *server) overUDP(q wire.Question) *wire.Message {
	if r := s.said(q, transport.UDP, smallUDP); r != nil {
		return r.msg
	}
	return nil
}

// any returns the first whole reply over any transport, nil if there is none.
func (s *server) any(q wire.Question) *wire.Message {
	for _, r := range s.replies {
		if r.Question == q && r.msg != nil && !r.msg.Has(wire.FlagTC) {
			return r.msg
		}
	}
	return nil
}

// answers reports whether a server has said anything, over a transport if one is given.
func (s *server) answers(over ...transport.Protocol) bool {
	for _, r := range s.replies {
		if r.msg != nil && (len(over) == 0 || slices.Contains(over, r.via)) {
			return true
		}
	}
	return false
}

// silence returns why nothing came from a server.
func (s *server) silence() string {
	var all []string
	for _, r := range s.replies {
		if r.err != nil {
			all = append(all, kind(r.err))
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), "; ")
}

// kind returns an error without the addresses in it, so that servers with the same fault have the
// same text. What this machine lacks, and who a server is in place of another, is told in full.
func kind(err error) string {
	for _, e := range []error{transport.ErrTimeout, transport.ErrRefused, transport.ErrNoNetwork,
		transport.ErrSpoofed} {
		if errors.Is(err, e) {
			return e.Error()
		}
	}
	if errors.Is(err, transport.ErrUnreachable) {
		return transport.ErrUnreachable.Error()
	}
	return err.Error()
}
