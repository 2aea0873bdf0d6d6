package transport

import (
	"bytes"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// ofListeners are parts of the stacks of listeners' goroutines: our own, and net/http's.
var ofListeners = []string{"transport.(*acceptor)", "transport.(*http1)",
	"transport.(*quicListener)", "transport.(*udpReader)", "transport.(*udpTeam)",
	"transport.(*engine)", "http.(*Server).Serve", "http.(*conn).serve"}

// Close of a listener leaves no goroutine, even if clients keep their connections open.
func TestCloseOfListenersLeavesNoGoroutine(t *testing.T) {
	before := stacksOfListeners() // of other tests
	clients := httpClients(t)     // they keep connections open, as n does
	n := exchanger(t)
	for _, p := range Protocols() {
		t.Run(p.String(), func(t *testing.T) { // the listener is closed at its end
			peer := &Peer{}
			at, _, _ := listener(t, p, func(s *Spec) {
				peer = peerOf(s.TLS.source.All()[0].Leaf, true)
			})
			if p == DoH {
				r, err := clients["h1"].Post("https://"+at.String()+"/dns-query", mediaType,
					bytes.NewReader(query("fast")))
				if err != nil {
					t.Fatal(err)
				}
				r.Body.Close()
			}
			if !p.Upstream() {
				return
			}
			if _, err := n.Exchange(t.Context(), Request{Server: at, Via: p, Peer: peer,
				Query: query("fast"), Timeout: 10 * time.Second}); err != nil {
				t.Fatal(err)
			}
		})
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			left := stacksOfListeners()
			maps.DeleteFunc(left, func(name, _ string) bool { _, old := before[name]; return old })
			if len(left) == 0 {
				break
			}
			for _, s := range left { // those of net/http end a little later
				if strings.Contains(s, "bailiwick/transport.(*") || time.Now().After(end) {
					t.Fatalf("%v: %d goroutines are left, such as\n%s", p, len(left), s)
				}
			}
		}
	}
}

// stacksOfListeners returns the stacks of listeners' goroutines, by the name of the goroutine.
func stacksOfListeners() map[string]string {
	found, buf := map[string]string{}, make([]byte, 1<<22)
	for _, s := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		has := func(part string) bool { return strings.Contains(s, part) }
		if slices.ContainsFunc(ofListeners, has) {
			name, _, _ := strings.Cut(s, " [")
			found[name] = s
		}
	}
	return found
}

// A second Close does nothing: above all it does not close a descriptor that was reused since.
func TestCloseOfListenersTwice(t *testing.T) {
	source, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Protocols() {
		l, err := Listen(p, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2,
			TLS: NewTLS(source), Gate: NewGate(Default().Gate), Observer: &witness{}})
		if err != nil {
			t.Fatal(err)
		}
		l.Start(&echo{})
		l.Close()
		var pipes []*os.File // they get the free descriptors
		for range 20 {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			pipes = append(pipes, r, w)
		}
		l.Close()
		for _, f := range pipes {
			if err := f.Close(); err != nil {
				t.Errorf("%v: somebody else's descriptor is closed: %v", p, err)
			}
		}
	}
}
