// Block lists that are fetched, in a whole server.

package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/internal/console"
	"bailiwick/internal/web"
	"bailiwick/wire"
)

// lister is a web server with a list, and what was looked up to reach it.
type lister struct {
	list     atomic.Pointer[string]
	lookedUp atomic.Int64
}

// fetching gives a server another keeper of lists: it looks names up in the lab, as the server's
// own does, and connects to a web server of the test whatever the addresses are. The certificate of
// that one is for example.com and all below it.
func (s *reloaded) fetching() *lister {
	s.t.Helper()
	l := &lister{}
	l.has("")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, *l.list.Load())
	}))
	s.t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	carrier := web.Transport(web.Parts{Roots: roots, Lookup: s.lookUp,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			l.lookedUp.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		}})
	// The lab has no example.com; the names of certificates are checked by package web's tests.
	carrier.DisableKeepAlives = true // each fetch looks the name up
	carrier.TLSClientConfig.ServerName = "example.com"
	s.lists.Close()
	s.lists = s.newLists(&http.Client{Transport: carrier})
	s.lists.Start()
	return l
}

// has has the server give a list.
func (l *lister) has(text string) { l.list.Store(&text) }

// A list that is fetched is put to use by itself, for the views that have it, and prepared answers
// are judged by it: what was answered a moment ago is blocked, and is answered again when the list
// does not have it any more. A list that has its own source, and the root, is fetched again all the
// same.
func TestBlockListThatIsFetched(t *testing.T) {
	s := reloadable(t, plain)
	l := s.fetching()
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.secure.example.", "NOERROR+ad") // from the prepared answers
	l.has("# all\n.\n*\nsecure.example\n||www.unsigned.example^\n" +
		"||cosmetic.example^\n0.0.0.0 localhost\n")
	before := s.now()
	s.change(plain + "policy:\n  block_lists:\n    - {url: \"https://www.secure.example/ads\"}\n" +
		"views:\n  - name: free\n    clients: [127.0.0.2/32]\n    block_lists: []\n" +
		"  - name: strict\n    clients: [127.0.0.3/32]\n    block_lists:\n" +
		"      - {url: \"https://www.secure.example/ads\", action: refuse, refresh: 2h}\n")
	if got := s.now().Fetched; len(got) != 1 || got[0].Refresh != 2*time.Hour {
		t.Errorf("lists %v", got)
	}
	blocked := func(name, want string) func() bool {
		return func() bool { got, _ := s.ask("udp", s.udp, name); return got == want }
	}
	until(t, "it is not blocked", blocked("www.secure.example.", "NXDOMAIN"))
	s.expect("www.unsigned.example.", "NXDOMAIN")
	s.expect("www.bad.faulty.", "NXDOMAIN+ad") // of the lab, which has no such name
	if now := s.now(); now.class != before.after() || now.generation == 0 || now.Blocked != 6 ||
		now.configured.Blocked != 6 {
		t.Errorf("class %d, generation %d, %d names", now.class, now.generation, now.Blocked)
	}
	for client, want := range map[string]string{"127.0.0.1": "NXDOMAIN", "127.0.0.2": "resolved",
		"127.0.0.3": "REFUSED"} {
		r, err := s.policyTest(console.Request{Args: map[string]string{
			"name": "www.secure.example", "client": client}})
		if err != nil || !strings.EqualFold(fmt.Sprint(r.Fields["outcome"]), want) {
			t.Errorf("%s: %v, %v", client, r.Fields, err)
		}
	}

	// Anchors that change keep the lists.
	s.succeedItself()
	s.expect("www.secure.example.", "NXDOMAIN")

	// A reload that changes nothing keeps them too, and so does one of another view.
	if _, err := s.reload(); err != nil {
		t.Fatal(err)
	}
	s.expect("www.secure.example.", "NXDOMAIN")

	asked := l.lookedUp.Load()
	s.store.Flush(wire.Root, true)
	l.has("www.unsigned.example\n")
	if _, err := s.refreshLists(console.Request{Args: map[string]string{}}); err != nil {
		t.Fatal(err)
	}
	until(t, "it is still blocked", blocked("www.secure.example.", "NOERROR+ad"))
	s.expect("www.unsigned.example.", "NXDOMAIN")
	if l.lookedUp.Load() == asked {
		t.Error("it was not looked up again")
	}
	r, err := s.listFetched(console.Request{})
	if err != nil || len(r.Rows) != 1 || r.Rows[0][1] != "in use" || r.Rows[0][2] != 1 {
		t.Errorf("%v, %v", r, err)
	}

	// What cannot be used changes nothing.
	l.has("<html>")
	generation := s.now().generation
	_, _ = s.refreshLists(console.Request{Args: map[string]string{}})
	until(t, "nothing is refused", func() bool { return s.lists.Status()[0].Refused == 1 })
	s.expect("www.unsigned.example.", "NXDOMAIN")
	if s.now().generation != generation {
		t.Error("prepared answers are judged again for nothing")
	}

	// One that is not configured any more blocks nothing.
	s.change(plain)
	s.expect("www.unsigned.example.", "NOERROR")
	if _, err := s.refreshLists(console.Request{Args: map[string]string{}}); err == nil {
		t.Error("a list is fetched")
	}
}
