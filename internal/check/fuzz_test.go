package check_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/wire"
)

// recorder keeps the replies that pass.
type recorder struct {
	transport.Exchanger
	mu      sync.Mutex
	replies [][]byte
}

func (r *recorder) Exchange(ctx context.Context, q transport.Request) ([]byte, error) {
	reply, err := r.Exchanger.Exchange(ctx, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.replies = append(r.replies, reply)
	}
	return reply, err
}

// FuzzJudge has a server reply anything that can be read to one question. Whatever it is, the check
// ends, what it finds is in the table, and its reports can be written and read.
func FuzzJudge(f *testing.F) {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: zoneName, Servers: good, Denial: lab.NSEC3, Records: ordinary +
		";;_443._tcp.www TLSA 3 1 1 00"})
	d, k := cds(w)
	w.Put(zoneName, d, k)
	over := &recorder{Exchanger: w}
	tlsa := wire.MustParseName("_443._tcp.www." + zoneName)
	o := &check.Observations{Zone: wire.MustParseName(zoneName), Parent: &check.Parent{
		Servers: serversOf(w, "example.")}, Given: true, Servers: serversOf(w, zoneName),
		Now: time.Now(), TLSA: []check.TLSA{{Name: tlsa, Host: tlsa.Parent().Parent(), Port: 443,
			Services: []check.Service{{Addr: netip.MustParseAddrPort("192.0.2.1:443")}}}}}
	p := probe.New(probe.Config{Over: over, Timeout: time.Second, Dial: refusing}, o.Zone)
	p.FindParent(f.Context(), o)
	p.Run(f.Context(), o)
	servers := append(slices.Clone(o.Servers), o.Parent.Servers...)
	for i, reply := range over.replies {
		f.Add(byte(i), byte(i), reply)
	}
	f.Fuzz(func(t *testing.T, at, which byte, packet []byte) {
		m, err := wire.Parse(packet)
		if err != nil {
			return
		}
		s := servers[int(at)%len(servers)]
		var queries []check.Query
		for q := range s.Replies {
			queries = append(queries, q)
		}
		slices.SortFunc(queries, func(a, b check.Query) int {
			if c := a.Name.Compare(b.Name); c != 0 {
				return c
			}
			return int(a.Type)<<8 + int(a.Form) - int(b.Type)<<8 - int(b.Form)
		})
		q := queries[int(which)%len(queries)]
		right := s.Replies[q]
		defer func() { s.Replies[q] = right }()
		s.Replies[q] = &check.Reply{Msg: m, Octets: len(packet)}
		r := &check.Report{Zone: zoneName, Findings: check.Judge(o)}
		for _, write := range []func(io.Writer) error{r.WriteJSON, r.WriteJUnit,
			func(w io.Writer) error { return r.WriteSARIF(w, "") }} {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			if bytes.HasPrefix(out.Bytes(), []byte("<?xml")) {
				if err := xml.Unmarshal(out.Bytes(), &struct{}{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzGreeting has a mail server say anything before TLS.
func FuzzGreeting(f *testing.F) {
	f.Add([]byte("220 a\r\n250-a\r\n250 b\r\n220 go\r\n"))
	f.Add([]byte("220-\r\n"))
	f.Add(bytes.Repeat([]byte("220-x\n"), 100))
	f.Fuzz(func(t *testing.T, said []byte) {
		n := wire.MustParseName("_25._tcp.mx.example")
		o := &check.Observations{Zone: wire.MustParseName("example"), Now: time.Now(),
			TLSA: []check.TLSA{{Name: n, Host: n.Parent().Parent(), Port: 25,
				Services: []check.Service{{Addr: netip.MustParseAddrPort("192.0.2.1:25")}}}}}
		probe.New(probe.Config{Timeout: 5 * time.Second, Dial: pipe(saying(said))}, o.Zone).Run(
			t.Context(), o)
		if s := o.TLSA[0].Services[0]; s.Err == "" {
			t.Errorf("%q is taken for a service with TLS", said)
		}
	})
}
