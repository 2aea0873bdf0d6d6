// The lab on loopback for the tests of the library, and resolvers in front of it.

package bailiwick_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick"
	"bailiwick/internal/lab"
	"bailiwick/transport"
)

// servedLab is a world whose servers listen on loopback.
type servedLab struct {
	*lab.World
	roots  []netip.Addr
	port   uint16
	anchor string
	ends   []func()
}

// startLab serves the lab's internet.
func startLab(change ...func(*lab.World)) *servedLab {
	w := lab.Internet(time.Now())
	for _, f := range change {
		f(w)
	}
	_, roots := w.Roots()
	for range 20 { // another process may have the port
		ctx, stop := context.WithCancel(context.Background())
		port := uint16(20000 + rand.IntN(10000))
		err := w.Listen(ctx, port)
		if err == nil {
			return &servedLab{World: w, roots: roots, port: port, anchor: w.Anchor(),
				ends: []func(){stop}}
		}
		stop()
	}
	log.Fatal("the lab finds no port that is free at all of 127.53.0.0/24")
	return nil
}

// stop ends the lab and what is in front of it.
func (l *servedLab) stop() {
	for i := len(l.ends) - 1; i >= 0; i-- {
		l.ends[i]()
	}
}

// recursion is the configuration of a resolver that asks the lab's servers.
func (l *servedLab) recursion() bailiwick.Config {
	return bailiwick.Config{RootServers: l.roots, Port: l.port, TrustAnchors: []string{l.anchor},
		AllowLoopback: true}
}

// newRecursion returns such a resolver for a test.
func (l *servedLab) newRecursion(t *testing.T) *bailiwick.Resolver {
	t.Helper()
	return open(t, l.recursion())
}

// open returns a resolver for a test.
func open(t *testing.T, c bailiwick.Config) *bailiwick.Resolver {
	t.Helper()
	r, err := bailiwick.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// resolver starts a resolver in front of the lab, which passes DNSSEC records on, and returns its
// address.
func (l *servedLab) resolver(change ...func(*dns.Msg)) []netip.AddrPort {
	return l.listen(&dns.Server{}, change...)
}

// tls starts one over TLS, and returns what has issued its certificate.
func (l *servedLab) tls(name string) ([]netip.AddrPort, *x509.CertPool) {
	c, err := transport.SelfSigned(time.Now(), []string{name}, nil)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.All()[0].Leaf)
	return l.listen(&dns.Server{Net: "tcp-tls",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{*c.All()[0]}}}), roots
}

// listen starts a resolver in front of the lab. What change does to its answers is what is wrong
// with it.
func (l *servedLab) listen(s *dns.Server, change ...func(*dns.Msg)) []netip.AddrPort {
	r, err := bailiwick.New(l.recursion())
	if err != nil {
		log.Fatal(err)
	}
	s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := answerOf(r, q)
		for _, f := range change {
			f(m)
		}
		_ = w.WriteMsg(m) // who asked may have gone
	})
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	var at netip.AddrPort
	if s.Net == "" {
		if s.PacketConn, err = net.ListenPacket("udp", "127.0.0.1:0"); err == nil {
			at = s.PacketConn.LocalAddr().(*net.UDPAddr).AddrPort()
		}
	} else if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		at = s.Listener.Addr().(*net.TCPAddr).AddrPort()
		s.Listener = tls.NewListener(s.Listener, s.TLSConfig)
	}
	if err != nil {
		log.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.ActivateAndServe()
	}()
	<-started
	l.ends = append(l.ends, func() {
		r.Close()
		_ = s.Shutdown()
		<-done
	})
	return []netip.AddrPort{at}
}

// answerOf returns the response of a resolver's server to a query.
func answerOf(r *bailiwick.Resolver, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	if m.RecursionAvailable = true; !q.RecursionDesired {
		m.Rcode = dns.RcodeRefused
		return m
	}
	asked, do := q.Question[0], q.IsEdns0() != nil && q.IsEdns0().Do()
	a, err := r.Ask(context.Background(), bailiwick.Question{Name: asked.Name,
		Type: bailiwick.Type(asked.Qtype), DNSSEC: do, CheckingDisabled: q.CheckingDisabled})
	if err != nil {
		m.Rcode = dns.RcodeServerFailure
		return m
	}
	m.Rcode, m.AuthenticatedData = int(a.RCode), a.Status == bailiwick.Secure
	m.Answer, m.Ns = parse(a.Records), parse(a.Authority)
	m.SetEdns0(1232, do)
	return m
}

// parse returns records as package dns has them.
func parse(records []bailiwick.Record) (rrs []dns.RR) {
	for _, r := range records {
		rr, err := dns.NewRR(r.String())
		if err != nil {
			log.Fatalf("%s: %v", r, err)
		}
		rrs = append(rrs, rr)
	}
	return rrs
}
