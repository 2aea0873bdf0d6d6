// What users of other software reported in public, rebuilt. Further reports are named at the tests
// of the rules that they are about.

package acme

import (
	"crypto/tls"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Several things that want a certificate at once order one (cert-manager/cert-manager 3603).
func TestOneOrderAtATime(t *testing.T) {
	w := newWorld(t, 0, nil)
	release := w.holdOrders()
	w.begin()
	for range 10 {
		w.Use(w.settings)
		w.Wake()
	}
	w.until("an order", func() bool { return w.authority.orders.Load() == 1 })
	if err := w.Renew(); err != errBusy {
		t.Errorf("another one while the first is under way: %v", err)
	}
	release()
	w.issued(nil)
	for range 10 {
		w.round()
	}
	if n := w.authority.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// The next certificate has the profile of the one before, which had an own way to the authority in
// Traefik (traefik/traefik 12462): one of six days is followed by one of six days.
func TestRenewalKeepsTheProfile(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.settings.Profile = "shortlived"
	w.begin()
	var c *tls.Certificate
	for range 2 {
		c = w.issued(c)
		if life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore); life > 7*24*time.Hour {
			t.Errorf("it lives for %v", life)
		}
		w.clock.Advance(forcedAgain)
		if err := w.Renew(); err != nil {
			t.Fatal(err)
		}
	}
}

// An address that is written in another form, or twice, is no other certificate (foomo/simplecert
// 19, which ordered one at each start).
func TestOrderOfNamesDoesNotMatter(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	one := Config{Names: []string{"a.example.com", "b.example.com"}, Addresses: []netip.Addr{a}}
	other := Config{Names: []string{"b.example.com", "a.example.com", "b.example.com"},
		Addresses: []netip.Addr{a, a}}
	if one.wanted() != other.wanted() {
		t.Errorf("%s and %s", one.wanted(), other.wanted())
	}
	s := Settings{Config: other}
	key, err := s.key(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.request(key); err != nil || len(r.DNSNames) != 2 || len(r.IPAddresses) != 1 {
		t.Errorf("%v, %v", r, err)
	}
}

// The authority may ask any server of the zone: it is told to look when all have the record. Those
// that do not answer (go-acme/lego 2522) or refuse (JessThrysoee/synology-letsencrypt 19) are not
// waited for; one that is slow is (certbot/certbot 4701). They are those of the zone of the record,
// not of the name that is an alias (go-acme/lego 1710).
func TestSlowServersAreWaitedFor(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.byDNS("dns.example.com")
	slow, refusing := newUpdatable(t), newUpdatable(t)
	slow.copies, slow.after, refusing.failed = w.authority.zone, 1, dns.RcodeRefused
	w.servers = []netip.AddrPort{netip.MustParseAddrPort(w.authority.zone.at),
		netip.MustParseAddrPort(slow.at), netip.MustParseAddrPort(refusing.at),
		netip.MustParseAddrPort("127.0.0.1:1")}
	w.begin()
	w.issued(nil)
	if slow.asked != 2 || refusing.asked != 1 {
		t.Errorf("the slow one was asked %d times, the one that refuses %d", slow.asked,
			refusing.asked)
	}
}

// By dns-01 nothing is answered over TLS, and the authority is not asked to look there
// (caddyserver/caddy 7612).
func TestRecordsAlone(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.byDNS("dns.example.com")
	w.authority.zone.refuse = dns.RcodeRefused
	w.begin()
	w.fails(NotPublished, "REFUSED")
	if w.Challenge("dns.example.com") != nil {
		t.Error("the authority is answered over TLS")
	}
}
