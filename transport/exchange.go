// The exchange with a server.

package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/wire"
)

// The errors of an exchange.
var (
	ErrTimeout     = errors.New("no reply in time")
	ErrUnreachable = errors.New("unreachable")
	ErrSpoofed     = errors.New("replies that do not match the question")
	ErrCase        = errors.New("reply does not keep the question's letter case")
	ErrNoNetwork   = errors.New("no network")
	ErrLocal       = errors.New("this machine lacks what it takes to ask")
)

// localErrors are errors that this machine causes: it lacks a resource, or does not let us send.
// They are not held against the server.
var localErrors = []error{
	syscall.EMFILE, syscall.ENFILE, // descriptors
	syscall.ENOBUFS, syscall.ENOMEM, // memory
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN, // ports, source addresses
	syscall.ENODEV, // the interface of [Source]
	syscall.EPERM,  // packet filter
}

// isLocal reports whether an error of a system call is in localErrors. An expired deadline is not,
// though it may carry EAGAIN.
func isLocal(err error) bool {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return slices.ContainsFunc(localErrors, func(e error) bool { return errors.Is(err, e) })
}

// Request is one question to one server.
type Request struct {
	Server netip.AddrPort
	Via    Protocol
	// Peer is the identity that the server has to prove, over connections that stay open; nil: any
	// server.
	Peer    *Peer
	Query   []byte // the whole message, as wire.AppendQuery makes it
	Timeout time.Duration
	Into    []byte // memory that the reply may use, from its start; nil: none
	// AnyCase accepts a reply whose question differs in letter case.
	AnyCase bool
	// CaseKept reports whether the server is known to keep the letter case. A reply that differs in
	// it is then treated as forged.
	CaseKept bool
	// Cookie is the check of DNS cookies in replies over UDP.
	Cookie CookieCheck
	// Subnet is the check of the client's network in replies over UDP.
	Subnet SubnetCheck
	// Strays counts packets that are not the reply. Several exchanges of one question may share it;
	// with nil the exchange has a count of its own.
	Strays *Strays
	// KeepOpen asks for an [Unanswered] error when an exchange over UDP times out.
	KeepOpen bool
}

// CookieCheck is the check of a reply's DNS cookie (RFC 7873, section 5.3). A packet that fails it
// is ignored, and the exchange continues to wait.
type CookieCheck struct {
	Sent   bool    // a cookie went with the question; false: there is nothing to check
	Client [8]byte // the client cookie that a reply returns, if it has one
	Needed bool    // the server is known to return it
}

// passes reports whether a packet may be the reply, and whether it returns our cookie.
func (c *CookieCheck) passes(packet []byte) (ok, proven bool) {
	if !c.Sent {
		return true, false
	}
	e, _ := wire.PeekEDNS(packet)
	v, has := e.Options.Get(wire.OptionCookie)
	switch {
	case has:
		proven = len(v) >= len(c.Client) && [8]byte(v) == c.Client
		return proven, proven
	case packet[2]&byte(wire.FlagTC>>8) != 0:
		return true, false // the only consequence is that we ask over TCP
	}
	return !c.Needed, false
}

// SubnetCheck is the check of a reply's Client Subnet option. A question that is open for several
// networks at once could be answered by one guess for any of them (RFC 7871, section 11.2;
// CVE-2025-5994), so a packet that fails the check is ignored, and the exchange continues to wait.
type SubnetCheck struct {
	Sent   netip.Prefix // the network that went with the question; zero: there is nothing to check
	Needed bool         // the server is known to return it
}

// passes reports whether a packet may be the reply: it returns the network that was sent, or lacks
// the option where that is allowed. Faults and truncated replies may lack it, as nothing of them is
// kept, and so may a packet that is proven not to be forged.
func (c *SubnetCheck) passes(packet []byte, proven bool) bool {
	if !c.Sent.IsValid() {
		return true
	}
	e, _ := wire.PeekEDNS(packet)
	s, found, ok := e.Options.Subnet()
	if found {
		return ok && s.Network == c.Sent
	}
	switch wire.RCode(packet[3] & 15) {
	case wire.RCodeNoError, wire.RCodeNXDomain, wire.RCodeYXDomain:
		return !c.Needed || proven || packet[2]&byte(wire.FlagTC>>8) != 0
	}
	return true
}

// Strays counts packets from the server's address that are not the reply.
type Strays struct {
	misses  atomic.Int32
	cookies atomic.Int32
	subnets atomic.Int32
}

// Misses returns how many packets were nearly the reply, as guesses of an attacker are.
func (s *Strays) Misses() int { return int(s.misses.Load()) }

// Subnets returns how many packets had another network than the question, or none although the
// server is known to return it.
func (s *Strays) Subnets() int { return int(s.subnets.Load()) }

// Cookies returns how many packets had a wrong cookie, or none although the server is known to
// return it.
func (s *Strays) Cookies() int { return int(s.cookies.Load()) }

// Unanswered is the error of an exchange that has timed out while its question stays open: a late
// reply is still accepted. It is an [ErrTimeout].
type Unanswered struct {
	// Resume continues to wait. It has to be called once, if only with a context that has ended: it
	// closes the question when it returns.
	Resume func(ctx context.Context, wait time.Duration) (reply []byte, err error)
}

func (*Unanswered) Error() string { return ErrTimeout.Error() }

// Is reports whether target is [ErrTimeout].
func (*Unanswered) Is(target error) bool { return target == ErrTimeout }

// Exchanger asks servers. Its error is one of the above, or the context's.
type Exchanger interface {
	Exchange(ctx context.Context, r Request) (reply []byte, err error)
}

// Watched is a context that interrupts those that wait for its end. [context.AfterFunc] does the
// same for every context, at the price of several objects for each question.
type Watched interface {
	context.Context
	// Watch has a waiter interrupted once when the context ends, or now if it has ended. Waiters
	// may be interrupted while locks are held.
	Watch(Waiter)
	// Unwatch ends that. It reports whether the waiter was not interrupted, and will not be.
	Unwatch(Waiter) bool
}

// Waiter waits for something and can be told not to.
type Waiter interface{ Interrupt() }

// watching is a waiter's interest in the end of a context.
type watching struct {
	of   Watched
	stop func() bool // nil if of does it
}

// watch has a waiter interrupted when a context ends.
func watch(ctx context.Context, w Waiter) watching {
	if of, ok := ctx.(Watched); ok {
		of.Watch(w)
		return watching{of: of}
	}
	return watching{stop: context.AfterFunc(ctx, w.Interrupt)}
}

// unwatch ends the interest. It reports whether the waiter was not interrupted, and will not be.
func (i *watching) unwatch(w Waiter) bool {
	if i.stop != nil {
		return i.stop()
	}
	return i.of.Unwatch(w)
}

// Match is how a packet relates to a question.
type Match uint8

// The results of Matches.
const (
	MatchNone    Match = iota // something else: ignored
	MatchCase                 // the reply, but for the letter case of the question
	MatchReply                // the reply
	MatchMiss                 // from the right place, but ID or question are wrong
	MatchGarbage              // not even a header
)

// Matches compares a packet with the question it should answer (RFC 5452, section 9.1): QR, ID,
// opcode, counts, name, type and class.
func Matches(query, reply []byte) Match {
	if len(reply) < wire.HeaderLen {
		return MatchGarbage
	}
	if reply[2]&0x80 == 0 {
		return MatchNone
	}
	if reply[0] != query[0] || reply[1] != query[1] || reply[2]&0x78 != query[2]&0x78 {
		return MatchMiss
	}
	qd := binary.BigEndian.Uint16(reply[4:])
	if qd == 0 {
		// Old servers leave the question out of error replies.
		if rc := wire.RCode(reply[3] & 15); rc != wire.RCodeNoError && rc != wire.RCodeNXDomain {
			return MatchReply
		}
		return MatchMiss
	}
	end := questionEnd(query)
	if qd != 1 || len(reply) < end {
		return MatchMiss
	}
	if bytes.Equal(query[wire.HeaderLen:end], reply[wire.HeaderLen:end]) {
		return MatchReply
	}
	if bytes.EqualFold(query[wire.HeaderLen:end-4], reply[wire.HeaderLen:end-4]) &&
		bytes.Equal(query[end-4:end], reply[end-4:end]) {
		return MatchCase
	}
	return MatchMiss
}

// questionEnd returns the offset of the end of the question in a message that we wrote.
func questionEnd(query []byte) int {
	off := wire.HeaderLen
	for query[off] != 0 {
		off += int(query[off]) + 1
	}
	return off + 5
}

// NetExchanger asks over the machine's sockets. Over UDP each question has a port of its own. The
// other protocols keep their connections open: those to servers with a Peer, which are asked often,
// for longer than those to authorities.
type NetExchanger struct {
	// Remap, if set, returns the address at which a server is really reached, for a lab on
	// loopback.
	Remap func(netip.AddrPort) netip.AddrPort

	Guard *guard.Guard // of the goroutines of connections
	// Ledger is what connections that stay open, and replies over TCP, are drawn from; nil: no
	// limit. Both fields have to be set before the first exchange.
	Ledger *ledger.Ledger

	askers      atomic.Pointer[askers] // nil: none yet, of no particular source
	named       upstreams              // with a Peer, or with encryption
	authorities upstreams              // over TCP
}

// asking returns the sockets that questions over UDP leave by.
func (n *NetExchanger) asking() *askers {
	if a := n.askers.Load(); a != nil {
		return a
	}
	n.askers.CompareAndSwap(nil, newAskers(&Source{}))
	return n.askers.Load()
}

// SetSource has questions leave from a source. Those under way end where they began; connections
// that are kept are made again.
func (n *NetExchanger) SetSource(s Source) {
	old := n.asking()
	if s.equal(old.source) {
		return
	}
	n.askers.Store(newAskers(&s))
	old.close()
	n.named.owner.source.Store(&s)
	n.authorities.owner.source.Store(&s)
	n.Renew()
}

// Renew closes the connections that are kept: the network has changed, and they may lead nowhere,
// or certificates have, and a server may be trusted no more. Questions under way on them are asked
// again over new ones.
func (n *NetExchanger) Renew() {
	n.named.drop()
	n.authorities.drop()
}

// Exchange implements Exchanger.
func (n *NetExchanger) Exchange(ctx context.Context, r Request) ([]byte, error) {
	if n.Remap != nil {
		r.Server = n.Remap(r.Server)
	}
	deadline := time.Now().Add(r.Timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if r.Strays == nil {
		r.Strays = &Strays{}
	}
	over, ok := table[r.Via].by.(querier)
	if !ok {
		return nil, ErrLocal // the protocol is for listeners only
	}
	reply, err := over.ask(ctx, n, r, deadline)
	return outcome(ctx, reply, err)
}

// outcome returns the results of an exchange: the context's error has precedence.
func outcome(ctx context.Context, reply []byte, err error) ([]byte, error) {
	if err == nil {
		return reply, nil
	}
	if open, ok := err.(*Unanswered); ok {
		if ctx.Err() == nil {
			return nil, open
		}
		_, _ = open.Resume(ctx, 0)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, explain(err)
}

// failure is an error of ours with the error that caused it.
type failure struct{ sort, err error }

func (f *failure) Error() string { return f.sort.Error() + ": " + f.err.Error() }

// Unwrap returns both.
func (f *failure) Unwrap() []error { return []error{f.sort, f.err} }

// explain turns a socket's error into a failure with one of our errors. A timeout needs no details.
func explain(err error) error {
	var ne net.Error
	switch {
	case err == nil, errors.Is(err, ErrSpoofed), errors.Is(err, ErrCase):
		return err
	case errors.Is(err, ErrIdentity):
		return &failure{ErrIdentity, err}
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTimeout
	case errors.Is(err, syscall.ENETDOWN):
		return &failure{ErrNoNetwork, err}
	case isLocal(err), errors.Is(err, errClosed), errors.Is(err, errMemory):
		return &failure{ErrLocal, err}
	case errors.As(err, &ne) && ne.Timeout():
		return ErrTimeout
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) {
		return &failure{ErrRefused, err}
	}
	return &failure{ErrUnreachable, err}
}

// ErrRefused is an ErrUnreachable that the server's host reported itself: the path to it works.
var ErrRefused = fmt.Errorf("%w: the port is closed", ErrUnreachable)

// bound ends a connection's work at a deadline, or when the context ends.
func bound(ctx context.Context, c net.Conn, deadline time.Time) (stop func() bool, err error) {
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }), nil
}

// replySize is the largest packet that is read, in octets: more than EDNSSize asks for.
const replySize = 4096

// exchangeDialled asks over UDP from a new socket.
func (s *Source) exchangeDialled(ctx context.Context, r *Request, deadline time.Time) (
	[]byte, error) {
	c, err := s.dialUDP(ctx, r.Server)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(r.Query); err != nil {
		_ = c.Close()
		return nil, err
	}
	return listen(ctx, c, r, deadline)
}

// listen waits at a new socket for the reply. It closes the socket unless the question stays open.
func listen(ctx context.Context, c *net.UDPConn, r *Request, deadline time.Time) ([]byte, error) {
	stop, err := bound(ctx, c, deadline)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	buf := make([]byte, replySize)
	for {
		n, err := c.Read(buf)
		var reply []byte
		decided := err != nil
		if !decided {
			reply, decided, err = r.answeredBy(buf[:n])
		}
		if !decided {
			continue
		}
		if stop() && r.KeepOpen && errors.Is(err, os.ErrDeadlineExceeded) {
			r.Into = nil
			return nil, &Unanswered{func(ctx context.Context, wait time.Duration) ([]byte, error) {
				r.KeepOpen = false
				reply, err := listen(ctx, c, r, time.Now().Add(wait))
				return outcome(ctx, reply, err)
			}}
		}
		_ = c.Close()
		return reply, err
	}
}

// answeredBy examines a packet from the server. The reply, a copy of the packet, or an error
// decides the exchange. Any other packet is ignored, and counted if it could be a guess of an
// attacker.
func (r *Request) answeredBy(packet []byte) (reply []byte, decided bool, err error) {
	m := Matches(r.Query, packet)
	if m == MatchCase && r.CaseKept {
		m = MatchMiss
	}
	switch m {
	case MatchReply, MatchCase:
		fits, proven := r.Cookie.passes(packet)
		switch {
		case !fits:
			r.Strays.cookies.Add(1)
		case !r.Subnet.passes(packet, proven):
			r.Strays.subnets.Add(1)
		case m == MatchReply || r.AnyCase || proven:
			return append(r.Into[:0], packet...), true, nil
		default:
			return nil, true, ErrCase
		}
	case MatchMiss:
		if r.Strays.misses.Add(1) >= MaxNearMisses {
			return nil, true, ErrSpoofed
		}
	}
	return nil, false, nil
}

// Over returns what an exchange over UDP would return for the packets that a server sent, in order.
// It is for networks without sockets. decided is false if the exchange would continue to wait.
func (r *Request) Over(packets [][]byte) (reply []byte, decided bool, err error) {
	if r.Strays == nil {
		r.Strays = &Strays{}
	}
	for _, p := range packets {
		if reply, decided, err = r.answeredBy(p); decided {
			break
		}
	}
	return reply, decided, err
}

// exchangeTCP asks over a connection for this question alone.
func (n *NetExchanger) exchangeTCP(ctx context.Context, r *Request, deadline time.Time) (
	[]byte, error) {
	dialling, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c, err := n.authorities.owner.dial(dialling, r.Server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop, err := bound(ctx, c, deadline)
	if err != nil {
		return nil, err
	}
	defer stop()
	if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r.Query))),
		r.Query...)); err != nil {
		return nil, err
	}
	for range MaxNearMisses {
		reply, err := readReply(c, n.Ledger)
		if err != nil {
			return nil, err
		}
		// Over TCP the letter case protects nothing.
		if m := Matches(r.Query, reply); m == MatchReply || m == MatchCase {
			return reply, nil
		}
	}
	return nil, ErrSpoofed
}

// errMemory reports that there is no memory to ask a server.
var errMemory = errors.New("the process holds as much memory as it may")

// readReply is ReadFrame for messages of servers. A server that announces a large one and does not
// send it holds memory of the ledger, not more.
func readReply(r io.Reader, l *ledger.Ledger) ([]byte, error) {
	n, err := frameLen(r)
	if err != nil {
		return nil, err
	}
	if !l.Draw(ledger.Upstream, int64(n)) {
		return nil, errMemory
	}
	defer l.Add(ledger.Upstream, -int64(n))
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// ReadFrame reads a message with its length field of two octets (RFC 1035, section 4.2.2).
func ReadFrame(r io.Reader) ([]byte, error) { return readReply(r, nil) }

func frameLen(r io.Reader) (int, error) {
	var l [2]byte
	_, err := io.ReadFull(r, l[:])
	return int(binary.BigEndian.Uint16(l[:])), err
}
