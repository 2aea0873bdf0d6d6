package weblist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/localdata"
	"bailiwick/internal/state"
	"bailiwick/internal/web"
	"bailiwick/wire"
)

// site is a web server with one page that a test changes.
type site struct {
	*httptest.Server
	serve atomic.Pointer[http.HandlerFunc]
	asked atomic.Int64
}

// newSite returns a server over TLS.
func newSite(t *testing.T) *site {
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		s.asked.Add(1)
		(*s.serve.Load())(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// has has the server give a text.
func (s *site) has(text string) {
	s.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// does has the server do something.
func (s *site) does(f http.HandlerFunc) { s.serve.Store(&f) }

// parts are those of a keeper that knows the server's certificate, and has a clock of its own.
func (s *site) parts(log io.Writer) (Parts, *clock.Fake) {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return Parts{Clock: c, Log: slog.New(slog.NewTextHandler(log, nil)),
		Web: web.Client(web.Parts{Roots: roots,
			Lookup: func(context.Context, wire.Name) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			},
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
			}}),
		Count: func(r io.Reader) (Content, error) {
			c, err := localdata.Read(r, func(wire.Name) error { return nil })
			return Content{Names: c.Names, Junk: c.Junk, Top: c.Top}, err
		},
		Changed: func() {}}, c
}

// address is that of the list; the certificate of httptest is for example.com.
const address = "https://example.com/list?key=secret"

// keeper returns a keeper of the server's list that does nothing by itself.
func (s *site) keeper(t *testing.T) (*Keeper, *bytes.Buffer) {
	var log bytes.Buffer
	p, _ := s.parts(&log)
	k := New(p)
	k.Replace([]List{{address, 24 * time.Hour}})
	t.Cleanup(k.Close)
	return k, &log
}

// content returns the text that is in use.
func content(k *Keeper) string {
	r := k.Text(address)
	if r == nil {
		return ""
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// many returns a list of n names.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "0.0.0.0 tracker%d.example\n", i)
	}
	return b.String()
}

// What comes is used only if it is a list. The last good one holds otherwise, and the log, the
// count and the status say why: what people reported of servers that had something else to say.
func TestOnlyAListTakesThePlaceOfAList(t *testing.T) {
	good := many(400)
	for _, c := range []struct {
		what, reference string
		serve           http.HandlerFunc
		problem         string // "" if it is used
		refused         bool
	}{
		{"a page that says 404", "razvandimescu/numa #337", func(w http.ResponseWriter,
			_ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "gone.example\n")
		}, "404", false},
		{"an error page with status 200", "razvandimescu/numa #337", giving(
			"<!DOCTYPE html><html><body>ads.example</body></html>"), "page", true},
		{"a page before the list", "ndfred/unifi-pi-hole #7", giving("\n\n  <html>\n<pre>\n" +
			good), "page", true},
		{"words for people", "razvandimescu/numa #337", giving(
			"The list has moved.\nPlease ask us.\n"), "are not names", true},
		{"one word", "razvandimescu/numa #337", giving("gone\n"), "and had 400", true},
		{"nothing", "WaLLy3K/wally3k.github.io #172, uBlock-LLC/uBlock #708", giving(""),
			"has no names", true},
		{"comments alone", "AdguardTeam/AdGuardHome #533", giving("# empty\n! empty\n"),
			"has no names", true},
		{"a document in JSON", "", giving("{\"error\": \"rate limit\"}"), "document", true},
		{"a compressed file", "", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"))
		}, "not text", true},
		{"half of it", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			_, _ = io.WriteString(w, good[:len(good)/2])
		}, "EOF", false},
		{"more than it may be", "AdguardTeam/AdGuardHome #6540", func(w http.ResponseWriter,
			_ *http.Request) {
			line := []byte(strings.Repeat("# nothing at all\n", 1<<16))
			for range maxOctets/len(line) + 1 {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}, "more than", true},
		{"a line without an end", "", giving(strings.Repeat("x", 1<<17)), "too long", false},
		{"a server without TLS", "", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/list", http.StatusFound)
		}, "refers", false},
		{"a server that refers to a file", "", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "refers", false},
		{"a list in UTF-16", "", giving("\xff\xfea\x00.\x00b\x00\n\x00"), "not text", true},
		{"one that grows without end when it is unpacked", "", func(w http.ResponseWriter,
			_ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			line := []byte(strings.Repeat("# nothing at all\n", 1<<16))
			for range maxOctets/len(line) + 1 {
				if _, err := z.Write(line); err != nil {
					return
				}
			}
			_ = z.Close()
		}, "more than", true},
		{"lines that end as on Windows, behind a byte order mark", "", giving("\xef\xbb\xbf" +
			strings.ReplaceAll(many(100), "\n", "\r\n")), "", false},
		{"fewer names, as a list may", "", giving(many(50)), "", false},
		{"rules of ad blockers among names", "TechnitiumSoftware/DnsServer #295",
			giving("[Adblock Plus 2.0]\n||a.example^\n@@||b.example^\nc.example##.ad\n" +
				"||d.example^$third-party\n/banner/*\n" + many(100)), "", false},
	} {
		s := newSite(t)
		k, log := s.keeper(t)
		s.has(good)
		k.check(k.lists[0])
		if content(k) != good {
			t.Fatalf("the first list is not in use: %+v", k.Status())
		}
		s.does(c.serve)
		k.check(k.lists[0])
		st := k.Status()[0]
		used := content(k) != good
		if used != (c.problem == "") || !strings.Contains(st.Problem, c.problem) {
			t.Errorf("%s (%s): in use %t, problem %q", c.what, c.reference, used, st.Problem)
		}
		if (st.Refused == 1) != c.refused || (st.Failed == 1) != (c.problem != "" && !c.refused) {
			t.Errorf("%s: %+v", c.what, st)
		}
		if c.problem != "" && !strings.Contains(log.String(), "the last good one is used") {
			t.Errorf("%s: log %s", c.what, log)
		}
	}
}

// giving gives a text.
func giving(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// A list that has become short on purpose is used when somebody says so.
func TestShortListIsUsedByForce(t *testing.T) {
	s := newSite(t)
	k, _ := s.keeper(t)
	s.has(many(400))
	k.check(k.lists[0])
	s.has(many(3))
	k.Refresh("", false)
	k.check(k.lists[0])
	if content(k) != many(400) {
		t.Error("it is used")
	}
	if n := k.Refresh("https://example.com/none", true); n != 0 {
		t.Errorf("%d lists of that name", n)
	}
	if n := k.Refresh(Shown(address), true); n != 1 {
		t.Errorf("%d lists of that name", n)
	}
	k.check(k.lists[0])
	if content(k) != many(3) {
		t.Errorf("it is not used: %+v", k.Status())
	}
}

// A list that is the same is not sent again, if its server knows how to; and not taken for another
// one if it does not (pi-hole/pi-hole #1139).
func TestRFC9110UnchangedListIsNotSentAgain(t *testing.T) {
	s := newSite(t)
	k, _ := s.keeper(t)
	s.does(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"1"` &&
			r.Header.Get("If-Modified-Since") == "Thu, 01 Jan 2026 00:00:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, many(10))
	})
	k.check(k.lists[0])
	k.parts.Clock.(*clock.Fake).Advance(24 * time.Hour)
	k.fresh = time.Time{}
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Updated != 1 || st.Current != 1 || st.Age != 0 || !k.fresh.IsZero() {
		t.Errorf("304: %+v", st)
	}
	s.has(many(10))
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Updated != 1 || st.Current != 2 || !k.fresh.IsZero() {
		t.Errorf("the same text: %+v", st)
	}
	s.has(many(11))
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Updated != 2 || k.fresh.IsZero() {
		t.Errorf("another text: %+v", st)
	}
	// A 304 is no answer to who has nothing.
	k.lists[0].text = nil
	s.does(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Failed != 1 || st.Has {
		t.Errorf("304 without a text: %+v", st)
	}
}

// After failures the pauses grow, up to an hour; a server that names a time is heeded up to a day.
func TestFailuresBackOff(t *testing.T) {
	var all []string
	for n := 1; n < 12; n++ {
		all = append(all, pause(n, 24*time.Hour).String())
	}
	if got := strings.Join(all, " "); got != "15s 30s 1m0s 2m0s 4m0s 8m0s 16m0s 32m0s 1h0m0s "+
		"1h0m0s 1h0m0s" {
		t.Error(got)
	}
	if got := pause(9, time.Minute); got != time.Minute {
		t.Errorf("a list that is fetched each minute: %s", got)
	}
	s := newSite(t)
	k, _ := s.keeper(t)
	for header, want := range map[string]time.Duration{"": 15 * time.Second,
		"120": 2 * time.Minute, "Thu, 01 Jan 2026 03:00:00 GMT": 3 * time.Hour,
		"Thu, 01 Jan 2015 03:00:00 GMT": 15 * time.Second, "nonsense": 15 * time.Second,
		"99999999": 24 * time.Hour} {
		k.lists[0].failures = 0
		s.does(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		k.check(k.lists[0])
		if got := k.Status()[0].Next; got != want {
			t.Errorf("Retry-After %q: %s", header, got)
		}
	}
	s.has(many(1))
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Problem != "" || st.Next < 21*time.Hour || st.Next > 24*time.Hour {
		t.Errorf("%+v", st)
	}
}

// A restart begins with the last good texts, and does not fetch them before their time (0xERR0R/
// blocky #1793, AdguardTeam/AdGuardHome #436). The validators outlive it too.
func TestTextsOutliveARestart(t *testing.T) {
	s := newSite(t)
	dir := t.TempDir()
	p, c := s.parts(io.Discard)
	p.State = state.Open(dir, p.Log)
	k := New(p)
	k.Replace([]List{{address, 24 * time.Hour}})
	s.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `"7"`)
		_, _ = io.WriteString(w, many(20))
	})
	k.check(k.lists[0])
	k.Close()

	c.Advance(time.Hour)
	k = New(p)
	k.Replace([]List{{address, 24 * time.Hour}, {"https://example.com/other", time.Hour}})
	k.Load()
	if st := k.Status()[0]; content(k) != many(20) || st.Age != time.Hour ||
		st.Next != 23*time.Hour || st.Names != 20 {
		t.Errorf("%+v", st)
	}
	s.does(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"7"` {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	k.check(k.lists[0])
	if st := k.Status()[0]; st.Current != 1 {
		t.Errorf("%+v", st)
	}
	k.Replace([]List{{"https://example.com/other", time.Hour}})
	k.Close()

	k = New(p)
	k.Replace([]List{{address, 24 * time.Hour}})
	k.Load()
	if content(k) != "" {
		t.Error("a list that is not kept any more stays on the disk")
	}
	k.Close()
}

// What follows the question mark of a URL may be a secret: neither the log nor the status has it.
func TestSecretsOfURLsAreNotShown(t *testing.T) {
	s := newSite(t)
	k, log := s.keeper(t)
	for _, f := range []http.HandlerFunc{giving(many(5)), giving(""), func(w http.ResponseWriter,
		_ *http.Request) {
		panic(http.ErrAbortHandler)
	}} {
		s.does(f)
		k.check(k.lists[0])
	}
	if all := fmt.Sprint(log, k.Status()); strings.Contains(all, "secret") ||
		!strings.Contains(all, "https://example.com/list?") {
		t.Error(all)
	}
	if a, b := Shown("https://h/p?a"), Shown("https://h/p?b"); a == b ||
		Shown("https://h/p") != "https://h/p" {
		t.Errorf("%s, %s", a, b)
	}
}

// Many lists are fetched a few at a time (AdguardTeam/AdGuardHome #6540), and are put to use
// together.
func TestListsAreFetchedAFewAtATime(t *testing.T) {
	s := newSite(t)
	var mu sync.Mutex
	now, most, changes := 0, 0, 0
	s.does(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		_, _ = io.WriteString(w, many(10)+r.URL.Path[1:]+".example\n")
		mu.Lock()
		now--
		mu.Unlock()
	})
	p, _ := s.parts(io.Discard)
	done := make(chan struct{})
	var k *Keeper
	p.Changed = func() {
		changes++
		for _, st := range k.Status() {
			if !st.Has {
				t.Errorf("put to use before %s is there", st.List)
			}
		}
		close(done)
	}
	k = New(p)
	var lists []List
	for i := range 12 {
		lists = append(lists, List{fmt.Sprintf("https://example.com/n%d", i), time.Hour})
	}
	k.Replace(lists)
	k.Start()
	<-done
	k.Close()
	if most > maxFetches || changes != 1 || s.asked.Load() != 12 {
		t.Errorf("%d at a time, %d changes, %d requests", most, changes, s.asked.Load())
	}
}
