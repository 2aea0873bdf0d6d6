package doctor_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/check"
	"bailiwick/internal/doctor"
	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// answerer is what a server says to a question; nil: nothing.
type answerer func(query *dns.Msg, tcp bool) *dns.Msg

// serve serves on loopback over UDP and TCP, or one of them, until the test ends.
func serve(t *testing.T, udp, tcp bool, a answerer) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	reply := func(raw []byte, tcp bool) []byte {
		q := new(dns.Msg)
		if q.Unpack(raw) != nil {
			return nil
		}
		m := a(q, tcp)
		if m == nil {
			return nil
		}
		packed, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return packed
	}
	if tcp {
		go serveTCP(l, reply)
		t.Cleanup(func() { _ = l.Close() })
	} else {
		_ = l.Close() // who connects is refused
	}
	if !udp {
		return at
	}
	c, err := net.ListenPacket("udp4", at.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if r := reply(buf[:n], false); r != nil {
				_, _ = c.WriteTo(r, from)
			}
		}
	}()
	return at
}

func serveTCP(l net.Listener, reply func([]byte, bool) []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for {
				q, err := transport.ReadFrame(c)
				if err != nil {
					return
				}
				r := reply(q, true)
				if r == nil {
					return
				}
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(r))), r...))
			}
		}()
	}
}

// authority answers as the root of a world does.
func authority(w *lab.World) answerer {
	_, addrs := w.Roots()
	return func(q *dns.Msg, tcp bool) *dns.Msg {
		raw, err := q.Pack()
		if err != nil {
			return nil
		}
		via := transport.UDP
		if tcp {
			via = transport.TCP
		}
		packet, err := w.Exchange(context.Background(), transport.Request{
			Server: netip.AddrPortFrom(addrs[0], 53), Via: via, Query: raw, Timeout: time.Minute})
		m := new(dns.Msg)
		if err != nil || m.Unpack(packet) != nil {
			return nil
		}
		return m
	}
}

// resolving answers as a validating resolver in front of a world would, for names in the root.
func resolving(w *lab.World) answerer {
	root := authority(w)
	return func(q *dns.Msg, tcp bool) *dns.Msg {
		m := root(q, tcp)
		if m != nil {
			m.Authoritative, m.RecursionAvailable, m.AuthenticatedData = false, true, true
			m.RecursionDesired = q.RecursionDesired
		}
		return m
	}
}

// changed has a server's answers changed.
func changed(a answerer, change func(q, m *dns.Msg, tcp bool) *dns.Msg) answerer {
	return func(q *dns.Msg, tcp bool) *dns.Msg {
		m := a(q, tcp)
		if m == nil {
			return nil
		}
		return change(q, m, tcp)
	}
}

// without takes records of a type out of answers.
func without(a answerer, types ...uint16) answerer {
	return changed(a, func(_, m *dns.Msg, _ bool) *dns.Msg {
		for _, s := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
			*s = slices.DeleteFunc(*s, func(r dns.RR) bool {
				return slices.Contains(types, r.Header().Rrtype)
			})
		}
		return m
	})
}

// portal answers every question with one address, as a network does that wants a login.
func portal(q *dns.Msg, _ bool) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	if q.Question[0].Qtype == dns.TypeA {
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name,
			Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(10, 0, 0, 1)}}
	}
	return m
}

// scene is a machine with its network.
type scene struct {
	t      *testing.T
	w      *lab.World
	config doctor.Config
}

// newScene returns a machine on which all is well: a resolver that programs ask, and a root server.
func newScene(t *testing.T) *scene {
	t.Helper()
	w := lab.New(time.Now())
	anchors := &trustanchor.Set{}
	if err := anchors.Add(w.Anchor()); err != nil {
		t.Fatal(err)
	}
	root, _ := anchors.At(wire.Root)
	name, addrs := w.Roots()
	s := &scene{t: t, w: w, config: doctor.Config{Root: t.TempDir(), Proc: "/proc",
		Anchors: root, Now: time.Now(), Timeout: time.Second,
		Known:    []doctor.Host{{Name: wire.MustParseName(name), Addrs: addrs}},
		Families: func() (bool, bool) { return true, true }}}
	s.write("etc/nsswitch.conf", "hosts: files dns\n")
	s.write("etc/resolv.conf", "nameserver 127.0.0.1\n")
	s.config.Resolvers = []netip.AddrPort{serve(t, true, true, resolving(w))}
	s.config.Authorities = []netip.AddrPort{serve(t, true, true, authority(w))}
	return s
}

// write writes a file of the machine.
func (s *scene) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.config.Root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// examine returns the report.
func (s *scene) examine() *doctor.Report {
	s.t.Helper()
	n := &transport.NetExchanger{}
	s.t.Cleanup(func() { n.Close() })
	o := doctor.Examine(s.t.Context(), s.config, n)
	return &doctor.Report{Time: s.config.Now, Works: doctor.Works(o), Path: doctor.Path(o),
		Findings: doctor.Judge(o), Sent: o.Sent(), FailOn: check.Error}
}

// want fails unless the report has just these findings, and the right word on whether DNS works.
func (s *scene) want(works bool, ids ...string) *doctor.Report {
	s.t.Helper()
	r := s.examine()
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.ID)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) || r.Works != works {
		var text bytes.Buffer
		_ = r.WriteText(&text, false)
		s.t.Errorf("found %v, works %t; want %v, works %t\n%s", got, r.Works, ids, works, &text)
	}
	return r
}

// seen returns what was seen of a finding.
func seen(r *doctor.Report, id string) string {
	for _, f := range r.Findings {
		if f.ID == id {
			return f.Seen
		}
	}
	return ""
}

func TestAMachineOnWhichAllIsWell(t *testing.T) {
	s := newScene(t)
	r := s.want(true)
	if r.Failed() || r.Sent == 0 {
		t.Errorf("%+v", r)
	}
	var text, raw bytes.Buffer
	if err := r.WriteText(&text, false); err != nil ||
		!strings.HasPrefix(text.String(), "DNS works on this machine.\n") {
		t.Errorf("%v %s", err, &text)
	}
	if err := r.WriteJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var out struct {
		Works    bool
		Result   string
		Findings []any
		Path     []string
	}
	if err := json.Unmarshal(raw.Bytes(), &out); err != nil || !out.Works ||
		out.Result != "passed" || out.Findings == nil || len(out.Path) < 3 {
		t.Errorf("%v %s", err, &raw)
	}
}

// Each fault of a server that programs ask is found, and named for what it is.
// A portal may deny the root's keys (NLnetLabs/unbound 1005); a stub may drop signatures
// (systemd/systemd 17272), and a home's router EDNS (systemd/systemd 6490, 12388); a router may
// answer over UDP alone (docker/for-mac 2160).
func TestFaultsOfServersThatProgramsAsk(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(w *lab.World) answerer
		works  bool
		want   []string
	}{
		{"a stripping forwarder", func(w *lab.World) answerer {
			return without(resolving(w), dns.TypeRRSIG, dns.TypeNSEC)
		}, true, []string{"dnssec-stripped"}},
		{"one without EDNS", func(w *lab.World) answerer {
			return without(resolving(w), dns.TypeRRSIG, dns.TypeNSEC, dns.TypeOPT)
		}, true, []string{"dnssec-stripped", "edns-dropped"}},
		{"one that denies the root's keys", func(w *lab.World) answerer {
			return changed(resolving(w), func(q, m *dns.Msg, _ bool) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeDNSKEY {
					m.Answer, m.Rcode = nil, dns.RcodeNameError
				}
				return m
			})
		}, true, []string{"dnssec-stripped"}},
		{"one that does not validate", func(w *lab.World) answerer {
			return changed(resolving(w), func(_, m *dns.Msg, _ bool) *dns.Msg {
				m.AuthenticatedData = false
				return m
			})
		}, true, []string{"not-validating"}},
		{"one that fails", func(w *lab.World) answerer {
			return changed(resolving(w), func(_, m *dns.Msg, _ bool) *dns.Msg {
				m.Answer, m.Rcode = nil, dns.RcodeServerFailure
				return m
			})
		}, false, []string{"nameserver-failing"}},
		{"a search page in place of names that do not exist", func(w *lab.World) answerer {
			return changed(resolving(w), func(q, m *dns.Msg, tcp bool) *dns.Msg {
				if m.Rcode == dns.RcodeNameError {
					return portal(q, tcp)
				}
				return m
			})
		}, true, []string{"nonexistent-answered"}},
		{"a search page, and the provider's own address for a name that exists",
			func(w *lab.World) answerer {
				return changed(resolving(w), func(q, m *dns.Msg, tcp bool) *dns.Msg {
					switch made := portal(q, tcp); {
					case m.Rcode == dns.RcodeNameError:
						return made
					case q.Question[0].Qtype == dns.TypeA:
						made.Answer[0].(*dns.A).A = net.IPv4(10, 0, 0, 2)
						return made
					}
					return m
				})
			}, false, []string{"answers-rewritten", "nonexistent-answered"}},
		{"a captive portal", func(*lab.World) answerer { return portal }, false,
			[]string{"captive-portal"}},
		{"large replies are lost", func(w *lab.World) answerer {
			return changed(resolving(w), func(q, m *dns.Msg, tcp bool) *dns.Msg {
				if !tcp && q.Question[0].Qtype == dns.TypeDNSKEY && q.IsEdns0().UDPSize() > 1232 {
					return nil
				}
				return m
			})
		}, true, []string{"large-udp-lost"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.config.Resolvers = []netip.AddrPort{serve(t, true, true, c.server(s.w))}
			s.want(c.works, c.want...)
		})
	}
	// The root's keys pass, and a larger answer does not: only who asks for one finds out.
	t.Run("answers above those of the root are lost", func(t *testing.T) {
		for _, asked := range []bool{false, true} {
			s := newScene(t)
			s.config.Resolvers = []netip.AddrPort{serve(t, true, true, changed(resolving(s.w),
				func(q, m *dns.Msg, tcp bool) *dns.Msg {
					if !tcp && q.Question[0].Qtype == dns.TypeTXT {
						return nil
					}
					return m
				}))}
			if !asked {
				s.want(true)
				continue
			}
			s.config.Large = wire.Question{Name: wire.MustParseName("txt.secure.example."),
				Type: wire.TypeTXT, Class: wire.ClassIN}
			r := s.want(true, "large-udp-lost")
			if got := seen(r, "large-udp-lost"); !strings.Contains(got, "txt.secure.example. TXT") {
				t.Errorf("seen: %s", got)
			}
		}
	})
	t.Run("no TCP", func(t *testing.T) {
		s := newScene(t)
		s.config.Resolvers = []netip.AddrPort{serve(t, true, false, resolving(s.w))}
		s.want(true, "nameserver-without-tcp")
	})
	t.Run("one of two is silent", func(t *testing.T) {
		s := newScene(t)
		s.config.Resolvers = append([]netip.AddrPort{serve(t, false, false, nil)},
			s.config.Resolvers...)
		s.want(true, "nameserver-silent")
	})
	// AdguardTeam/AdGuardHome 975: resolv.conf named 127.0.0.53, and nothing listened there.
	t.Run("nothing listens", func(t *testing.T) {
		s := newScene(t)
		s.config.Resolvers = []netip.AddrPort{serve(t, false, false, nil)}
		r := s.want(false, "nameservers-silent")
		if got := seen(r, "nameservers-silent"); !strings.Contains(got, "closed") {
			t.Errorf("seen: %s", got)
		}
	})
}

// Each fault of the network between the machine and the root's servers is found.
func TestFaultsOfTheNetwork(t *testing.T) {
	authorities := func(s *scene, udp, tcp bool, a answerer) {
		s.config.Authorities = []netip.AddrPort{serve(s.t, udp, tcp, a)}
	}
	for _, c := range []struct {
		name string
		put  func(s *scene)
		want []string
	}{
		{"TCP is blocked", func(s *scene) { authorities(s, true, false, authority(s.w)) },
			[]string{"tcp-blocked"}},
		{"UDP is blocked", func(s *scene) { authorities(s, false, true, authority(s.w)) },
			[]string{"udp-blocked"}},
		{"both are", func(s *scene) { authorities(s, false, false, nil) },
			[]string{"authorities-silent"}},
		// NLnetLabs/unbound 450: an address without any server answered, at an ISP with a proxy.
		{"an interceptor that resolves by itself", func(s *scene) {
			authorities(s, true, true, resolving(s.w))
			s.config.Nobody = []netip.AddrPort{serve(s.t, true, true, resolving(s.w))}
		}, []string{"port-53-intercepted", "replies-rewritten"}},
		{"an interceptor that hides itself", func(s *scene) {
			s.config.Nobody = []netip.AddrPort{serve(s.t, true, false, authority(s.w))}
		}, []string{"port-53-intercepted"}},
		{"replies without signatures", func(s *scene) {
			authorities(s, true, true, without(authority(s.w), dns.TypeRRSIG))
		}, []string{"replies-rewritten"}},
		{"another root", func(s *scene) {
			authorities(s, true, true, authority(lab.New(time.Now())))
		}, []string{"replies-rewritten"}},
		{"names that do not exist are given", func(s *scene) {
			authorities(s, true, true, changed(authority(s.w),
				func(q, m *dns.Msg, tcp bool) *dns.Msg {
					if m.Rcode == dns.RcodeNameError {
						m.Rcode, m.Answer = 0, portal(q, tcp).Answer
					}
					return m
				}))
		}, []string{"replies-rewritten"}},
		{"fragments are dropped", func(s *scene) {
			authorities(s, true, true, changed(authority(s.w),
				func(q, m *dns.Msg, tcp bool) *dns.Msg {
					if !tcp && q.Question[0].Qtype == dns.TypeDNSKEY {
						return nil
					}
					return m
				}))
		}, []string{"large-udp-lost"}},
		{"IPv6 leads nowhere", func(s *scene) {
			s.config.Authorities = append(s.config.Authorities,
				netip.MustParseAddrPort("[::1]:1"))
		}, []string{"ipv6-dead"}},
		{"no network", func(s *scene) {
			s.config.Families = func() (bool, bool) { return false, false }
		}, []string{"no-network"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			c.put(s)
			s.want(true, c.want...)
		})
	}
}

// A forwarder that is to be validated has to give signatures; what the root's servers do does not
// matter then.
func TestForwarders(t *testing.T) {
	s := newScene(t)
	s.config.Authorities = []netip.AddrPort{serve(t, false, false, nil)}
	strips := serve(t, true, true, without(resolving(s.w), dns.TypeRRSIG))
	s.config.Forwarders = []doctor.Forwarder{{Addr: strips}}
	s.want(true, "forwarder-strips-dnssec")
	s.config.Forwarders[0].Insecure = true
	s.want(true, "dnssec-stripped")
	s.config.Forwarders[0].Addr = serve(t, false, false, nil)
	s.want(true, "forwarder-unusable")
	s.config.Forwarders[0] = doctor.Forwarder{Addr: serve(t, false, true, nil),
		Via: transport.DoT, Peer: &transport.Peer{Name: "dns.example"}}
	s.want(true, "forwarder-unusable")
}

// The clock is compared with the signatures of the root's keys; it is wrong if they verify but for
// their times. Who cannot make signatures cannot have a right clock taken for a wrong one.
// getdnsapi/stubby 280, secureblue/secureblue 268: a wrong clock looks like a dead network.
func TestClock(t *testing.T) {
	const month = 31 * 24 * time.Hour
	for want, by := range map[string]time.Duration{"clock-behind": -month, "clock-ahead": month} {
		s := newScene(t)
		s.config.Now = s.config.Now.Add(by)
		r := s.want(true, want)
		if f := r.Findings[0]; f.CauseLabel() != strings.ReplaceAll(want, "-", "_") {
			t.Errorf("cause %q of %s", f.CauseLabel(), want)
		}
	}
	s := newScene(t)
	s.config.Earliest = s.config.Now.Add(time.Hour)
	s.want(true, "clock-unset")

	// The right keys with a signature that has expired by its own times.
	old := newScene(t)
	aged := func(a answerer) answerer {
		return changed(a, func(_, m *dns.Msg, _ bool) *dns.Msg {
			for _, r := range m.Answer {
				if sig, ok := r.(*dns.RRSIG); ok {
					sig.Inception -= 60 * 24 * 3600
					sig.Expiration -= 60 * 24 * 3600
				}
			}
			return m
		})
	}
	old.config.Authorities = []netip.AddrPort{serve(t, true, true, aged(authority(old.w)))}
	old.config.Resolvers = []netip.AddrPort{serve(t, true, true, aged(resolving(old.w)))}
	old.want(true, "clock-unknown", "replies-rewritten")

	forged := newScene(t)
	other := lab.New(time.Now().Add(-2 * month)) // signatures of another key that have expired
	forged.config.Authorities = []netip.AddrPort{serve(t, true, true, authority(other))}
	forged.config.Resolvers = []netip.AddrPort{serve(t, true, true, resolving(other))}
	forged.want(true, "clock-unknown", "replies-rewritten")
}

// Certificates of the configuration are told of two weeks before their end; those of a few days in
// the last third of these.
func TestCertificatesOfTheConfiguration(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		lived, left time.Duration
		want        []string
	}{{80 * day, 15 * day, nil}, {80 * day, 13 * day, []string{"certificate-ends"}},
		{3 * day, 3 * day, nil}, {5 * day, day, []string{"certificate-ends"}},
		{80 * day, 0, []string{"certificate-ended"}},
		{80 * day, -day, []string{"certificate-ended"}}} {
		s := newScene(t)
		s.config.Certificates = []transport.NamedCertificate{{Key: "admin.client_ca",
			From: transport.FromFile, Leaf: &x509.Certificate{
				Subject:   pkix.Name{CommonName: "ours"},
				NotBefore: s.config.Now.Add(-c.lived), NotAfter: s.config.Now.Add(c.left)}}}
		r := s.want(true, c.want...)
		if len(c.want) > 0 && !strings.Contains(r.Findings[0].Seen, "admin.client_ca (ours): ") {
			t.Errorf("seen: %s", r.Findings[0].Seen)
		}
	}
}

// What the files of the machine say is judged as the C library reads them.
func TestFilesOfTheMachine(t *testing.T) {
	for _, c := range []struct {
		name, nsswitch, resolv string
		want                   []string
	}{
		{"usual", "hosts: files mdns4_minimal [NOTFOUND=return] dns\n", "nameserver 127.0.0.1\n",
			nil},
		{"systemd-resolved", "hosts: files resolve [!UNAVAIL=return] dns\n", "", nil},
		{"no DNS", "hosts: files mdns # dns\n", "", []string{"nsswitch-without-dns"}},
		{"actions with spaces", "hosts: files [ NOTFOUND = dns ] mymachines\n", "",
			[]string{"nsswitch-without-dns"}},
		{"a name and a port", "hosts: dns\n",
			"nameserver dns.example\nnameserver 127.0.0.1:53\n nameserver 127.0.0.1\n",
			[]string{"resolv-conf-wrong"}},
	} {
		s := newScene(t)
		s.write("etc/nsswitch.conf", c.nsswitch)
		if c.resolv != "" {
			s.write("etc/resolv.conf", c.resolv)
		}
		t.Log(c.name)
		s.want(true, c.want...)
	}
}
