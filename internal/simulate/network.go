// The network between the resolver and the servers: what happens to a packet depends on the seed
// and on how often its question was sent, so that a run can be repeated whatever else is under way.

package simulate

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// nearRTT is the longest round trip to a server that is not far away.
const nearRTT = 100 * time.Millisecond

// network is the paths to all servers.
type network struct {
	seed  uint64
	began time.Time
	links map[netip.Addr]*Link
	names map[netip.Addr]string // zone and number of a server
	evil  map[netip.Addr]*Zone
	// victim is a name of a zone that a hostile authority is not above, and whose servers.
	victim  string
	servers []string

	mu     sync.Mutex
	sent   map[string]int // how often each question was sent; guarded by mu
	missed map[string]int // and how often in a row it was lost; guarded by mu
	mended bool           // guarded by mu
}

// mend ends all faults of the network and of hostile authorities.
func (n *network) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mended = true
}

// chance returns the random numbers of one packet.
func (n *network) chance(in lab.Incoming) (r *rand.Rand, key string, turn int, mended bool) {
	q := in.Question()
	key = fmt.Sprint(n.names[in.Server], "/", strings.ToLower(q.Name), "/", q.Qtype, "/", in.TCP)
	n.mu.Lock()
	defer n.mu.Unlock()
	turn = n.sent[key]
	n.sent[key]++
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, key, turn)
	return rand.New(rand.NewPCG(n.seed, h.Sum64())), key, turn, n.mended
}

// path is a lab.Path.
func (n *network) path(in lab.Incoming, r lab.Reply) lab.Reply {
	l := n.links[in.Server]
	rnd, key, turn, mended := n.chance(in)
	rtt := l.RTT
	if mended {
		rtt = min(rtt, nearRTT)
	}
	// No two packets arrive at the same moment.
	r.Delay += rtt + time.Duration(rnd.Int64N(int64(rtt/4+time.Microsecond)))
	if mended {
		return r
	}
	now := time.Since(n.began)
	if l.Outage[0] <= now && now < l.Outage[1] || n.loses(l, key, rnd) {
		return lab.Reply{}
	}
	if l.Duplicate {
		r.Packets = append(r.Packets, r.Packets...)
	}
	if in.TCP {
		return r
	}
	if l.Guess {
		wrong := forge(in.Query, forgedAddress, in.Query.Id^0x5a5a)
		r.Packets = append([][]byte{wrong}, r.Packets...)
	}
	if l.Lucky != forgedNothing && turn == 0 {
		r.Packets = append([][]byte{forge(in.Query, l.Lucky, in.Query.Id)}, r.Packets...)
	}
	return r
}

// loses reports whether a question brings no reply. Where the loss is moderate no more than two in
// a row are lost, see [goodLoss].
func (n *network) loses(l *Link, key string, rnd *rand.Rand) bool {
	lost := rnd.IntN(100) < l.Loss
	n.mu.Lock()
	defer n.mu.Unlock()
	if lost && l.Loss <= goodLoss && n.missed[key] >= 2 {
		lost = false
	}
	if n.missed[key]++; !lost {
		n.missed[key] = 0
	}
	return lost
}

// forge makes a reply to a question.
func forge(q *dns.Msg, what forged, id uint16) []byte {
	m := new(dns.Msg).SetReply(q)
	m.Id, m.Authoritative = id, true
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 3600}
	switch what {
	case forgedAddress:
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: attacker}}
	case forgedDenial:
		h.Name, h.Rrtype = parent(h.Name), dns.TypeSOA
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{&dns.SOA{Hdr: h, Ns: "ns.", Mbox: "mbox.", Minttl: 3600}}
	case forgedRefusal:
		m.Rcode = dns.RcodeRefused
	}
	if o := q.IsEdns0(); o != nil {
		m.SetEdns0(1232, o.Do())
	}
	b, err := m.Pack()
	if err != nil {
		panic("simulate: " + err.Error())
	}
	return b
}

// script is a lab.Script: what hostile authorities send.
func (n *network) script(in lab.Incoming) (lab.Reply, bool) {
	z := n.evil[in.Server]
	if z == nil || n.victim == "" {
		return lab.Reply{}, false
	}
	m := in.Honest().Copy()
	delay := z.attack(in.Query, m, n.victim, n.servers)
	m.Truncate(dns.MaxMsgSize)
	return lab.Messages(m).After(delay), true
}
