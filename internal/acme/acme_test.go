package acme

import (
	"context"
	"crypto/ecdsa"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/mholt/acmez/v3/acme"
	"github.com/miekg/dns"

	"bailiwick/internal/pemfile"
	"bailiwick/internal/state"
	"bailiwick/wire"
)

// One certificate has all names and addresses, proven by TLS (RFC 8737, RFC 8738), though the
// authority wants half of the requests sent again. Nothing is proven any more afterwards.
func TestRFC8738NamesAndAddresses(t *testing.T) {
	w := newWorld(t, 50, nil)
	w.settings.Names = append(w.settings.Names, "resolver.example.com")
	w.settings.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1"),
		netip.MustParseAddr("::1")}
	w.settings.Addresses = w.settings.Addresses[:1]
	w.settings.Profile, w.settings.Contact = "shortlived", "hostmaster@example.com"
	w.begin()
	c := w.issued(nil)
	if life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore).Round(time.Hour); life != 6*24*time.Hour {
		t.Errorf("it lives for %v", life)
	}
	if len(c.Leaf.DNSNames) != 2 || len(c.Leaf.IPAddresses) != 1 {
		t.Errorf("it is for %v and %v", c.Leaf.DNSNames, c.Leaf.IPAddresses)
	}
	if w.Challenge("dns.example.com") != nil || w.Challenge("1.0.0.127.in-addr.arpa") != nil {
		t.Error("the authority would still be answered")
	}
	if s := w.Status(); s.Failures != 0 || !s.Has || !s.Next.Before(c.Leaf.NotAfter) {
		t.Errorf("%+v", s)
	}
}

// Names are proven by records (RFC 8555, section 8.4) that a signed update puts into the zone, and
// another takes out: two of one name for a name and its wildcard, and one in the zone that an alias
// leads to (go-acme/lego 1867, simple-acme/simple-acme 729), which is configured and not guessed
// (go-acme/lego 3019).
func TestRFC8555Records(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.byDNS("example.com", "*.example.com", "other.example.net")
	w.authority.zone.aliases["_acme-challenge.other.example.net."] = "other.example.com."
	w.begin()
	w.issued(nil)
	if n := w.authority.zone.taken; n != 6 || w.authority.zone.left() != 0 {
		t.Errorf("%d updates, and %d records are left", n, w.authority.zone.left())
	}
	if left := w.store.now().Left; len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// byDNS has names proven by the zone.
func (w *world) byDNS(names ...string) {
	w.settings.Names, w.settings.Challenge, w.settings.Key = names, DNS, updateKey
	w.settings.Zone = wire.MustParseName("example.com")
	w.settings.Server = netip.MustParseAddrPort(w.authority.zone.at)
}

// A record that an order has left behind, as the process ended, is taken out by the next order. One
// of a zone that is not configured any more does not keep those that follow in the zone.
func TestRecordsLeftBehindAreTakenOut(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.byDNS("dns.example.com")
	w.begin()
	w.issued(nil)
	w.authority.zone.texts["_acme-challenge.dns.example.com."] = []string{"old"}
	_ = w.store.change(func(k *kept) {
		k.Left = []record{{"_acme-challenge.dns.example.net.", "older"},
			{"_acme-challenge.dns.example.com.", "old"}}
	})
	c := w.All()[0]
	w.Close()
	w.begin()
	if err := w.Renew(); err != nil {
		t.Fatal(err)
	}
	w.issued(c)
	if n := w.authority.zone.left(); n != 0 {
		t.Errorf("%d records are left", n)
	}
	if left := w.store.now().Left; len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// An order that is given up, as the process ends, takes its records out of the zone for a time that
// does not grow with them; what is in the zone then is remembered.
func TestRecordsOfAnOrderThatIsGivenUp(t *testing.T) {
	zone := newUpdatable(t)
	log := slog.New(slog.DiscardHandler)
	s := Settings{Key: updateKey, Config: Config{Zone: wire.MustParseName("example.com"),
		Server: netip.MustParseAddrPort(zone.at)}}
	p := newPublisher(&s, &Parts{Log: log, Target: func(_ context.Context,
		name wire.Name) wire.Name {
		return name
	}}, load(state.Open(t.TempDir(), log)))
	challenge := func(name string) acme.Challenge {
		return acme.Challenge{Identifier: acme.Identifier{Type: "dns", Value: name},
			KeyAuthorization: name}
	}
	a, b := challenge("a.example.com"), challenge("b.example.com")
	for _, c := range []acme.Challenge{a, b} {
		if err := p.Present(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.CleanUp(ctx, a); err != nil || zone.left() != 1 || p.end.IsZero() {
		t.Errorf("%v; %d records are left, time until %v", err, zone.left(), p.end)
	}
	p.end = time.Now()
	if err := p.CleanUp(ctx, b); err == nil || zone.left() != 1 || len(p.store.now().Left) != 1 {
		t.Errorf("%v; %d records are left, %v are known", err, zone.left(), p.store.now().Left)
	}
	p.removeLeft(t.Context())
	if zone.left() != 0 || len(p.store.now().Left) != 0 {
		t.Errorf("%d records are left, %v are known", zone.left(), p.store.now().Left)
	}
}

// What keeps a record from the zone is said: another key (go-acme/lego 1633), a server that
// refuses, a name elsewhere.
func TestRFC2136Refusals(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(*world)
		want string
	}{
		{"another secret", func(w *world) { w.settings.Key.Secret = []byte("another") }, "NOTAUTH"},
		{"refused", func(w *world) { w.authority.zone.refuse = dns.RcodeRefused }, "REFUSED"},
		{"no such zone", func(w *world) { w.authority.zone.refuse = dns.RcodeNotZone }, "NOTZONE"},
		{"elsewhere", func(w *world) { w.settings.Names = []string{"dns.example.net"} },
			"is not in tls.acme.dns_zone example.com."},
		{"no server", func(w *world) {
			w.settings.Server = netip.MustParseAddrPort("127.0.0.1:1")
		}, "connection refused"},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := newWorld(t, 0, nil)
			w.byDNS("dns.example.com")
			c.set(w)
			w.begin()
			w.fails(NotPublished, c.want)
		})
	}
}

// A restart orders nothing where there is a certificate, and nothing before the pause after a
// failure is over: a loop of restarts asks the authority once (azukaar/Cosmos-Server 29,
// kgretzky/evilginx2 1026).
func TestRestartDoesNotOrderAgain(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.settings.Names = []string{"blocked.example"}
	w.begin()
	s := w.fails(Refused, "blocked.example")
	for range 5 {
		w.Close()
		w.begin()
		w.round()
		if now := w.Status(); now.Failures != 1 || !now.Next.Equal(s.Next) || now.Ordering {
			t.Fatalf("after a restart: %+v", now)
		}
	}
	if n := w.authority.orders.Load(); n != 1 {
		t.Fatalf("%d orders", n)
	}
	w.settings.Names = []string{"dns.example.com"} // the operator has mended it: no pause
	w.Use(w.settings)
	c := w.issued(nil)
	for range 5 {
		w.Close()
		w.begin()
		if len(w.All()) != 1 || !w.All()[0].Leaf.Equal(c.Leaf) {
			t.Fatal("after a restart the certificate is not in use")
		}
		w.round()
	}
	if n := w.authority.orders.Load(); n != 2 {
		t.Errorf("%d orders", n)
	}
}

// A process that ends while an order is under way has made an attempt: the next one waits. What
// starts a server again whenever it ends used up all attempts (caddyserver/caddy 523).
func TestInterruptedOrderCounts(t *testing.T) {
	w := newWorld(t, 0, nil)
	defer w.holdOrders()()
	w.begin()
	w.until("an order", func() bool { return w.authority.orders.Load() == 1 })
	w.Close()
	w.begin()
	w.round()
	if s := w.Status(); s.Ordering || s.Failures != 1 || s.Outcome != Interrupted {
		t.Errorf("%+v", s)
	}
}

// What is given up for another process that takes over is ordered by this one if that one fails,
// after the pause, and nothing is meanwhile.
func TestStartAfterClose(t *testing.T) {
	w := newWorld(t, 0, nil)
	release := w.holdOrders()
	w.begin()
	w.until("an order", func() bool { return w.authority.orders.Load() == 1 })
	w.Close()
	if s := w.Status(); s.Ordering || s.Outcome != Interrupted {
		t.Errorf("closed: %+v", s)
	}
	w.clock.Advance(2 * time.Minute)
	w.Wake()
	if n := w.authority.orders.Load(); n != 1 {
		t.Errorf("%d orders", n)
	}
	release()
	w.Start()
	w.issued(nil)
	if n := w.authority.orders.Load(); n != 2 {
		t.Errorf("%d orders", n)
	}
}

// An authority that is down at the start costs nothing while there is a certificate, and the next
// one is ordered when it is due and the authority is back. The one in use stays until then.
func TestAuthorityIsDown(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	w.Close()
	w.authority.broken.Store(true)
	w.begin()
	if len(w.All()) != 1 {
		t.Fatal("no certificate at the start")
	}
	w.clock.Advance(61 * 24 * time.Hour)
	w.Wake()
	s := w.fails(Unreachable, "503")
	if len(w.All()) != 1 || !w.All()[0].Leaf.Equal(c.Leaf) {
		t.Error("the certificate in use is gone")
	}
	w.authority.broken.Store(false)
	w.round()
	if w.Status().Ordering {
		t.Error("ordered before the pause was over")
	}
	w.clock.Advance(s.Next.Sub(wall(&w.parts)))
	w.Wake()
	w.issued(c)
}

// An authority that was asked too often is left alone until the time that it says.
func TestRateLimitIsRespected(t *testing.T) {
	w := newWorld(t, 0, nil)
	until := time.Now().Add(30 * time.Hour).UTC().Truncate(time.Second)
	w.authority.says("order-plz", http.StatusTooManyRequests, "rateLimited", "too many "+
		"certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, "+
		"retry after "+until.Format("2006-01-02 15:04:05 UTC")+": see https://letsencrypt.org/")
	w.begin()
	if s := w.fails(RateLimited, "too many certificates"); !s.Next.Equal(until) {
		t.Errorf("again at %v, want %v", s.Next, until)
	}
}

// What an authority refuses for good is told from what it could not see.
func TestOutcomes(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.port = 0
	w.settings.Profile = "no such profile"
	w.begin()
	w.fails(Refused, "profile")
	w.settings.Profile, w.settings.Names = "", nil
	w.settings.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.9")}
	w.Use(w.settings) // nobody listens there
	w.until("another failure", func() bool { return w.Count(Unproven) == 1 })
}

// An account of the authority's own is bound to ours (RFC 8555, section 7.3.4).
func TestRFC8555ExternalAccount(t *testing.T) {
	const secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	w := newWorld(t, 0, map[string]string{"kid": secret})
	w.begin()
	w.fails(Refused, "externalAccount")
	w.settings.EABKeyID, w.settings.EABSecret = "kid", secret
	w.clock.Advance(2 * time.Minute)
	w.Use(w.settings)
	w.issued(nil)
}

// An authority that has lost its accounts gets another one.
func TestAuthorityHasForgottenTheAccount(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	w.Close()
	other := newAuthority(t, w.port, 0, nil)
	_ = w.store.change(func(k *kept) { // the account is known at the other's address
		for key, v := range k.Accounts {
			old, anew := strings.TrimPrefix(w.authority.URL, "https://"),
				strings.TrimPrefix(other.URL, "https://")
			rename := strings.NewReplacer(old, anew, strings.ReplaceAll(old, ":", ""),
				strings.ReplaceAll(anew, ":", ""))
			k.Accounts[rename.Replace(key)] = []byte(rename.Replace(string(v)))
		}
	})
	w.authority = other
	w.settings.Directory, w.settings.Roots = other.URL+wfe.DirectoryPath, pemfile.Fixed(other.own)
	w.begin()
	w.issued(c)
	if !strings.Contains(w.log.String(), "a certificate was issued") {
		t.Error("nothing is logged")
	}
}

// A file that is damaged is put aside, and a certificate is ordered again; others were never
// renewed (caddyserver/caddy 6481, 6618, 6730). The key never stands in the log, and nobody else
// may read the file.
func TestDamagedState(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	w.Close()
	path := filepath.Join(w.dir, "acme")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", st.Mode())
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	w.begin()
	w.issued(c)
	if _, err := os.Stat(path + ".damaged"); err != nil {
		t.Error(err)
	}
	if strings.Contains(w.log.String(), "PRIVATE KEY") {
		t.Error("a key is logged")
	}
}

// Nothing is ordered whose result could not be kept: each restart would order it again
// (caddyserver/caddy 2223, 4897).
func TestUnsavedOrdersNothing(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.dir = filepath.Join(w.dir, "file") + "/below"
	if err := os.WriteFile(filepath.Dir(w.dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.begin()
	w.fails(Unsaved, "not a directory")
	if n := w.authority.orders.Load(); n != 0 {
		t.Errorf("%d orders", n)
	}
}

// Settings change while it runs: other names have another certificate ordered, and the one in use
// stays until that is there; without an authority there is none; the same settings change nothing.
func TestUseOfOtherSettings(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	w.Use(w.settings)
	w.round()
	if w.Status().Ordering || w.authority.orders.Load() != 1 {
		t.Error("the same settings order again")
	}
	w.authority.says("order-plz", http.StatusForbidden, "rejectedIdentifier", "not for you")
	w.settings.Names = append(w.settings.Names, "more.example.com")
	w.Use(w.settings)
	w.fails(Refused, "not for you")
	if !w.All()[0].Leaf.Equal(c.Leaf) {
		t.Error("the certificate in use is gone")
	}
	w.authority.answer.Store(nil)
	w.clock.Advance(2 * time.Minute)
	w.Wake()
	w.issued(c)
	w.Use(Settings{})
	if len(w.All()) != 0 || w.Status().On {
		t.Error("there is still one")
	}
}

// Each certificate has another key, unless the operator wants it kept.
func TestKeepKey(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	for _, keep := range []bool{true, false} {
		w.settings.KeepKey = keep
		w.Use(w.settings)
		w.clock.Advance(2 * forcedAgain)
		if err := w.Renew(); err != nil {
			t.Fatal(err)
		}
		next := w.issued(c)
		same := next.PrivateKey.(*ecdsa.PrivateKey).Equal(c.PrivateKey)
		if same != keep {
			t.Errorf("the same key: %v, want %v", same, keep)
		}
		c = next
	}
}

// Somebody who has the certificate ordered again and again is told to wait.
func TestForcedAgain(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	if err := w.Renew(); err != nil {
		t.Fatal(err)
	}
	w.issued(c)
	if err := w.Renew(); err != errSoon {
		t.Errorf("at once: %v", err)
	}
	w.Use(Settings{})
	if err := w.Renew(); err != errOff {
		t.Errorf("without an authority: %v", err)
	}
}

// The authority is asked when it wants the certificate renewed (RFC 9773), and that is done.
func TestRFC9773SuggestedRenewal(t *testing.T) {
	w := newWorld(t, 0, nil)
	w.begin()
	c := w.issued(nil)
	w.until("a suggestion", func() bool {
		w.Wake()
		return !w.store.now().Certificate.Suggested.IsZero()
	})
	if s := w.store.now().Certificate.Suggested; s.Before(c.Leaf.NotBefore) ||
		s.After(c.Leaf.NotAfter) {
		t.Errorf("suggested: %v", s)
	}
}
