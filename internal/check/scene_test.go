// Worlds to check, in memory and in a time of their own.

package check_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// scene is a zone to check, zone.example. unless it is another, and what has to be found.
type scene struct {
	name string
	seen string   // where it was reported in public, "" if nowhere
	want []string // the findings, of every severity

	zone   lab.Zone
	parent lab.Zone // of the zone; example. if it has no name
	build  func(*lab.World)
	// alter changes the reply of a server: nil is silence. first is the first server of the zone.
	alter func(w *lab.World, in lab.Incoming, first bool, m *dns.Msg) *dns.Msg
	err   error // of the second server's exchanges

	given    bool   // the zone's servers are given, not found
	proposed string // DS RDATA; "own" is that of the zone's key
	parents  bool   // the parent's servers are given
	alone    bool   // the parent is not asked
	after    time.Duration
	lead     time.Duration
	names    []string
	tlsa     string // name of the TLSA records
	service  probe.Dialer
	noV6     bool
}

const zoneName = "zone.example."

// good are two servers without a fault.
var good = []lab.ServerFaults{nil, nil}

// ordinary are the records of a zone in which everything occurs.
const ordinary = "@ A 192.0.2.9;;@ MX 10 mail;;www A 192.0.2.1;;mail A 192.0.2.2;;" +
	"a.b.ent A 192.0.2.3;;*.wild A 192.0.2.4;;tree DNAME other.example.;;alias CNAME www"

// observed returns the observations of a scene.
func (s *scene) observed(t *testing.T) *check.Observations {
	w := lab.New(time.Now())
	parent := s.parent
	if parent.Name == "" {
		parent.Name = "example."
	}
	w.Add(parent)
	zone := s.zone
	if zone.Name == "" {
		zone.Name = "zone." + strings.TrimPrefix(parent.Name, ".")
	}
	if zone.Servers == nil {
		zone.Servers = good
	}
	if zone.Records == "" {
		zone.Records = ordinary
	}
	w.Add(zone)
	if s.build != nil {
		s.build(w)
	}
	s.script(w, zone)
	cfg, anchors := labtest.Resolver(w)
	r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()), Anchors: anchors,
		Exchanger: w, Clock: clock.Real{}})
	defer r.Close()
	o := &check.Observations{Zone: wire.MustParseName(zone.Name), LeadTime: s.lead}
	p := probe.New(probe.Config{Over: w, Timeout: time.Second, Lookup: probe.Resolving(r.Resolve),
		Dial: s.service, NoIPv6: s.noV6}, o.Zone)
	s.fill(w, zone.Name, o)
	ctx, cancel := context.WithTimeout(t.Context(), check.MaxTime)
	defer cancel()
	if o.Parent != nil {
		p.FindParent(ctx, o)
	}
	if !o.Given {
		p.FindServers(ctx, o)
	}
	o.Now = time.Now().Add(s.after)
	p.Run(ctx, o)
	return o
}

// fill writes what the operator has said into the observations.
func (s *scene) fill(w *lab.World, zone string, o *check.Observations) {
	if !s.alone {
		o.Parent = &check.Parent{}
	}
	if s.parents {
		o.Parent.Servers = serversOf(w, "example.")
	}
	if s.given {
		o.Given, o.Servers = true, serversOf(w, zone)
	}
	if s.proposed != "" {
		o.Proposed = &wire.RRset{Name: o.Zone, Type: wire.TypeDS, Class: wire.ClassIN}
		for text := range strings.SplitSeq(s.proposed, ";;") {
			if text == "own" {
				text = strings.Join(strings.Fields(w.AnchorOf(zone))[4:], " ")
			}
			o.Proposed.Data = o.Proposed.Data.Append(rdata(zone + " DS " + text))
		}
	}
	for _, n := range s.names {
		name, kind, _ := strings.Cut(n, "/")
		t, _ := wire.ParseType(kind)
		o.Compare = append(o.Compare, wire.Question{Name: wire.MustParseName(name + "." + zone),
			Type: t, Class: wire.ClassIN})
	}
	if s.tlsa != "" {
		n := wire.MustParseName(s.tlsa + "." + zone)
		o.TLSA = []check.TLSA{{Name: n, Host: n.Parent().Parent(), Port: 443}}
		if strings.HasPrefix(s.tlsa, "_25.") {
			o.TLSA[0].Port = 25
		}
	}
}

// rdata returns the RDATA of a record.
func rdata(text string) []byte {
	rr, err := dns.NewRR(text)
	if err != nil {
		panic(err)
	}
	buf := make([]byte, 4096)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return buf[end-int(rr.Header().Rdlength) : end]
}

// serversOf returns the addresses of a zone's servers, as an operator gives them.
func serversOf(w *lab.World, zone string) (servers []*check.Server) {
	first := w.AddressOf(zone)
	for i := range 2 {
		a := first
		for range i {
			a = a.Next()
		}
		if slices.Contains(w.Servers(), a) {
			servers = append(servers, &check.Server{Addr: netip.AddrPortFrom(a, 53)})
		}
		if zone == "example." {
			break
		}
	}
	return servers
}

// script has the zone's servers do what the scene wants.
func (s *scene) script(w *lab.World, zone lab.Zone) {
	if s.alter == nil && s.err == nil {
		return
	}
	first := w.AddressOf(zone.Name)
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if s.err != nil && (in.Server == first.Next() || len(zone.Servers) == 1) {
			return lab.Reply{Err: s.err}, true
		}
		if s.alter == nil {
			return lab.Reply{}, false
		}
		m := s.alter(w, in, in.Server == first, in.Honest())
		if m == nil {
			return lab.Reply{}, true
		}
		return lab.Messages(m), true
	}
}

// play checks the zone of a scene, and compares what is found.
func (s *scene) play(t *testing.T) (found []check.Finding) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		found = check.Judge(s.observed(t))
		var got []string
		for _, f := range found {
			if !slices.Contains(got, f.ID) {
				got = append(got, f.ID)
			}
		}
		slices.Sort(got)
		want := slices.Clone(s.want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("found %v, want %v", got, want)
			for _, f := range found {
				t.Logf("%s %s: %s %v %v", f.Severity, f.ID, f.Message, f.Servers, f.Questions)
			}
		}
		synctest.Wait()
	})
	return found
}

// pipe returns a dialer whose connections end at a function.
func pipe(serve func(net.Conn)) probe.Dialer {
	return func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go serve(there)
		return here, nil
	}
}

// refusing is a dialer that nobody answers.
func refusing(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

// saying returns a service that says something, reads what comes, and hangs up.
func saying(text []byte) func(net.Conn) {
	return func(c net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = c.Write(text)
		_ = c.Close()
	}
}
