// An off-path attacker: it sees nothing of what the resolver sends.

package lab

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// OffPath is a world with somebody who sends packets to the resolver from any address to any port
// (RFC 5452, section 3), and sees none of the resolver's own: not the ports, the IDs, the letter
// case and the cookies. It knows the names that it has the resolver ask for, and who is asked for
// them. It cannot send anything over TCP in somebody else's name.
//
// Guessing takes as many packets as a test cannot send. So the attacker says which of its guesses
// are right, as if it had sent enough, and the test shows what is left to guess.
type OffPath struct {
	*World
	// Attack returns what the attacker sends while a question over UDP is open, in order, all of
	// which arrives before the reply. It is called by several goroutines.
	Attack func(Target) []Forgery

	mu   sync.Mutex
	open map[Target]int // questions that are open now; guarded by mu
	most map[Target]int // that were at once; guarded by mu
}

// Target is what an off-path attacker may know of a question that it has caused.
type Target struct {
	Server netip.Addr
	Name   string // in lower case
	Type   uint16
}

// Forgery is a packet with a server's address as its source. Message is sent as a reply to the
// question as far as that is known: its ID, letter case and port are the attacker's guesses.
type Forgery struct {
	Message *dns.Msg
	// Err is the error message of a router in its place (ICMP), which has only to guess the port.
	Err error
	// The guesses that are right. All others are wrong.
	Port, ID, Case, Cookie bool
}

// Exchange implements transport.Exchanger.
func (o *OffPath) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	asked := new(dns.Msg)
	if r.Via.Stream() || o.Attack == nil || asked.Unpack(r.Query) != nil {
		return o.World.Exchange(ctx, r)
	}
	q := asked.Question[0]
	at := Target{r.Server.Addr(), strings.ToLower(q.Name), q.Qtype}
	o.count(at, 1)
	defer o.count(at, -1)
	if r.Strays == nil {
		r.Strays = &transport.Strays{}
	}
	for _, f := range o.Attack(at) {
		if !f.Port {
			continue // no socket of the resolver is connected to this server at another port
		}
		if f.Err != nil {
			return nil, f.Err
		}
		if reply, decided, err := r.Over([][]byte{f.packet(asked)}); decided {
			return reply, err
		}
	}
	return o.World.Exchange(ctx, r)
}

// packet returns the packet that arrives while a question is open.
func (f *Forgery) packet(asked *dns.Msg) []byte {
	m := f.Message.Copy()
	m.Response, m.Question = true, []dns.Question{asked.Question[0]}
	if m.Id = asked.Id; !f.ID {
		m.Id ^= 0x5A5A
	}
	if !f.Case {
		m.Question[0].Name = otherCase(asked.Question[0].Name)
	}
	if opt := asked.IsEdns0(); f.Cookie && opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				m.SetEdns0(1232, true)
				m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{
					Code: dns.EDNS0COOKIE, Cookie: c.Cookie[:16] + labCookie})
			}
		}
	}
	return pack(m)
}

// otherCase returns a name in a letter case that is not its own.
func otherCase(name string) string {
	if lower := strings.ToLower(name); lower != name {
		return lower
	}
	return strings.ToUpper(name)
}

// count counts a question as open, or no longer open.
func (o *OffPath) count(t Target, delta int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open, o.most = map[Target]int{}, map[Target]int{}
	}
	o.open[t] += delta
	o.most[t] = max(o.most[t], o.open[t])
}

// MostOpen returns how many questions for a name and type were open at once at one server.
func (o *OffPath) MostOpen(name string, t uint16) (most int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for at, n := range o.most {
		if at.Name == name && at.Type == t {
			most = max(most, n)
		}
	}
	return most
}
