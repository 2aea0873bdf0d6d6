package secondary

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"bailiwick/wire"

	"github.com/miekg/dns"
)

// primary is a server that zones are transferred from, in memory. It keeps all versions of one zone
// and sends changes between them.
type primary struct {
	mu       sync.Mutex
	versions [][]dns.RR // each with its SOA record first
	asked    []string   // the questions
	// change alters the messages of a reply to a type of question; nil: they are sent as they are.
	change func(qtype uint16, reply []*dns.Msg) []*dns.Msg
	// noIXFR answers questions for changes with NOTIMP.
	noIXFR bool
	key    *Key
	every  int           // how many messages one TSIG is for; 0: one
	ahead  time.Duration // of its clock
	// tamper alters messages as they are sent.
	tamper func(i int, b []byte) []byte
	stall  time.Duration
	hangUp bool // the connection ends where a reply is empty
	per    int  // records in a message; 0: all in one
}

// add adds a version: the records of the last one with others in place, and the next serial.
func (p *primary) add(t testing.TB, gone, come []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.versions[len(p.versions)-1]
	next := []dns.RR{dns.Copy(last[0])}
	next[0].(*dns.SOA).Serial++
	for _, rr := range last[1:] {
		if !slices.Contains(gone, rr.String()) {
			next = append(next, rr)
		}
	}
	p.versions = append(p.versions, append(next, records(t, come...)...))
}

// alter changes what the primary does.
func (p *primary) alter(f func(*primary)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

// records reads records.
func records(t testing.TB, lines ...string) (rrs []dns.RR) {
	t.Helper()
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	return rrs
}

// questions returns what was asked since the last call.
func (p *primary) questions() (asked []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, p.asked = p.asked, nil
	return asked
}

// dial is the network of a keeper: all addresses are the primary's.
func (p *primary) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	go p.serve(there)
	return here, nil
}

// serve answers questions on a connection.
func (p *primary) serve(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		raw := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(c, raw); err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(raw) != nil {
			return
		}
		packets := p.reply(q)
		p.mu.Lock()
		stall, hangUp, tamper := p.stall, p.hangUp, p.tamper
		p.mu.Unlock()
		if len(packets) == 0 && hangUp {
			return
		}
		for i, b := range packets {
			time.Sleep(stall)
			if tamper != nil {
				b = tamper(i, b)
			}
			framed := binary.BigEndian.AppendUint16(nil, uint16(len(b)))
			if _, err := c.Write(append(framed, b...)); err != nil {
				return
			}
		}
	}
}

// reply returns the messages of a reply.
func (p *primary) reply(q *dns.Msg) [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	qtype := q.Question[0].Qtype
	p.asked = append(p.asked, dns.TypeToString[qtype])
	now := p.versions[len(p.versions)-1]
	var sent []dns.RR
	switch {
	case qtype == dns.TypeSOA:
		sent = now[:1]
	case qtype == dns.TypeIXFR && p.noIXFR:
	case qtype == dns.TypeIXFR:
		sent = p.changes(q.Ns[0].(*dns.SOA).Serial)
	case qtype == dns.TypeAXFR:
		sent = append(slices.Clone(now), now[0])
	}
	per := p.per
	if per == 0 {
		per = max(1, len(sent))
	}
	var reply []*dns.Msg
	for part := range slices.Chunk(sent, per) {
		m := new(dns.Msg).SetReply(q)
		m.Answer = part
		reply = append(reply, m)
	}
	if len(reply) == 0 {
		reply = []*dns.Msg{new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)}
	}
	if p.change != nil {
		reply = p.change(qtype, reply)
	}
	return p.packed(q, reply)
}

// changes returns an incremental transfer from a serial to the last version.
func (p *primary) changes(from uint32) (sent []dns.RR) {
	last := p.versions[len(p.versions)-1]
	at := slices.IndexFunc(p.versions, func(v []dns.RR) bool {
		return v[0].(*dns.SOA).Serial == from
	})
	if at < 0 {
		return append(slices.Clone(last), last[0])
	}
	if at == len(p.versions)-1 {
		return last[:1]
	}
	sent = append(sent, last[0])
	for ; at+1 < len(p.versions); at++ {
		a, b := p.versions[at], p.versions[at+1]
		lacks := func(list []dns.RR, rr dns.RR) bool {
			return !slices.ContainsFunc(list, func(o dns.RR) bool {
				return o.String() == rr.String()
			})
		}
		sent = append(sent, a[0])
		for _, rr := range a[1:] {
			if lacks(b, rr) {
				sent = append(sent, rr)
			}
		}
		sent = append(sent, b[0])
		for _, rr := range b[1:] {
			if lacks(a, rr) {
				sent = append(sent, rr)
			}
		}
	}
	return append(sent, last[0])
}

// packed returns messages as they are sent: signed if there is a key. Messages between two that
// carry a TSIG are covered by the later one (RFC 8945, section 5.3.1).
func (p *primary) packed(q *dns.Msg, reply []*dns.Msg) (out [][]byte) {
	if p.key == nil || q.IsTsig() == nil {
		for _, m := range reply {
			b, err := m.Pack()
			if err != nil {
				panic(fmt.Sprint("primary: ", err))
			}
			out = append(out, b)
		}
		return out
	}
	// The same code makes and verifies MACs of several messages, so that package dns makes all that
	// can be made by it: one for each message.
	mac, every := q.IsTsig().MAC, max(1, p.every)
	var v *verifier
	for i, m := range reply {
		if i > 0 && i%every != 0 && i != len(reply)-1 {
			b, _ := m.Pack()
			if v == nil {
				v = &verifier{key: p.key}
				v.begin(unhex(mac))
			}
			v.hash.Write(b)
			out = append(out, b)
			continue
		}
		m.SetTsig(p.key.Name, p.key.Algorithm, fudge, time.Now().Add(p.ahead).Unix())
		if v == nil {
			b, next, err := dns.TsigGenerate(m, base64.StdEncoding.EncodeToString(p.key.Secret),
				mac, i > 0)
			if err != nil {
				panic(fmt.Sprint("primary: ", err))
			}
			out, mac = append(out, b), next
			continue
		}
		t := m.IsTsig()
		m.Extra = m.Extra[:len(m.Extra)-1]
		b, _ := m.Pack()
		v.hash.Write(b)
		timers := wire.TSIG{Time: t.TimeSigned, Fudge: t.Fudge}
		v.hash.Write(timers.AppendTimers(nil))
		t.MAC = fmt.Sprintf("%x", v.hash.Sum(nil))
		t.MACSize, t.OrigId = uint16(len(t.MAC)/2), m.Id
		m.Extra = append(m.Extra, t)
		b, err := m.Pack()
		if err != nil {
			panic(fmt.Sprint("primary: ", err))
		}
		out, mac, v = append(out, b), t.MAC, nil
	}
	return out
}

func unhex(s string) (b []byte) {
	_, _ = fmt.Sscanf(s, "%x", &b)
	return b
}
