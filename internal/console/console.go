// Package console has the operator's two ways to a running server: the admin HTTP listener with
// /metrics, /healthz, /readyz, the API and a web page, and the control socket.
package console

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
)

// Config is what the operator decides about the two.
type Config struct {
	Listen string // address of the admin listener, "" for none
	Socket string // path of the control socket, "" for none, or AutoSocket
	// Group is the group that the socket belongs to, by name or number; "" for the server's own.
	Group string
	Mode  fs.FileMode // of the socket

	Page      bool     // whether the admin listener has a web page
	Closed    bool     // whether metrics are for those with a token of the API alone
	TokenFile string   // with the tokens of the API; "": there is no API
	Hosts     []string // names of the server that the API is used by, besides its addresses

	// TLSCertificate and TLSKey are PEM files of the admin listener's own; "": it is without TLS.
	TLSCertificate, TLSKey string
	// ClientCA is a PEM file of authorities, whose clients may have the metrics; "" for none.
	ClientCA string
}

// AutoSocket stands for the usual path of the control socket.
const AutoSocket = "auto"

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Listen: "127.0.0.1:5380", Socket: AutoSocket, Mode: OwnerOnly, Page: true}
}

// The modes of the socket.
const (
	OwnerOnly fs.FileMode = 0o600
	WithGroup fs.FileMode = 0o660
)

// Console is the admin HTTP listener.
type Console struct {
	http  http.Server
	ready atomic.Pointer[string] // why clients are not served, "" if they are
	api   atomic.Pointer[API]    // nil: there is none
	// encryption is nil where nothing is encrypted.
	encryption atomic.Pointer[Encryption]

	mu       sync.Mutex
	socket   *net.TCPListener  // nil: it listens nowhere; guarded by mu
	warnings map[string]string // what is dangerous, by what it is about; guarded by mu
}

// Listen opens the listener at an address, or takes over the socket, which may be nil. With "" it
// listens nowhere, until Move.
func Listen(addr string, inherited *net.TCPListener, reg *prometheus.Registry,
	g *guard.Guard) (*Console, error) {
	l := inherited
	if l == nil && addr != "" {
		var err error
		if l, err = listen(addr); err != nil {
			return nil, err
		}
	}
	c := &Console{socket: l, warnings: map[string]string{}}
	c.SetReady("nothing has been resolved yet")
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", c.measured(promhttp.HandlerFor(reg, promhttp.HandlerOpts{})))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", c.readyz)
	mux.HandleFunc("/api/", c.serveAPI)
	mux.HandleFunc("/{$}", c.servePage)
	mux.HandleFunc(pagePath, c.servePage)
	c.http = http.Server{Handler: unread(guarded(mux, g)), ReadHeaderTimeout: headerTime,
		ConnContext: seated,
		IdleTimeout: idleTime, MaxHeaderBytes: maxHeader, WriteTimeout: controlTimeout,
		// Of handshakes that fail there would be a line each: anybody could fill the log.
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	return c, nil
}

// SetAPI has the listener serve the API.
func (c *Console) SetAPI(a *API) { c.api.Store(a) }

// serveAPI serves the API, if there is one.
func (c *Console) serveAPI(w http.ResponseWriter, r *http.Request) {
	if a := c.api.Load(); a != nil {
		a.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

// measured serves metrics to those who may see them: Prometheus sends a token in the form that the
// API has (authorization: credentials_file), or has a certificate (tls_config: cert_file).
func (c *Console) measured(metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := c.api.Load(); a == nil || a.measures(w, r, c.staleFiles) {
			metrics.ServeHTTP(w, r)
		}
	})
}

// servePage serves the web page, if there is an API that it can use.
func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	if a := c.api.Load(); a != nil {
		a.servePage(w, r)
		return
	}
	http.NotFound(w, r)
}

func listen(addr string) (*net.TCPListener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin listener: %w", err)
	}
	return l.(*net.TCPListener), nil
}

// Move opens a socket at another address, none if that is "". Either use or cancel has to be
// called: use serves it in place of the one before, whose requests in work are answered.
func (c *Console) Move(addr string) (use, cancel func(), err error) {
	var l *net.TCPListener
	if addr != "" {
		if l, err = listen(addr); err != nil {
			return nil, nil, err
		}
	}
	return func() {
		c.mu.Lock()
		old := c.socket
		c.socket = l
		c.mu.Unlock()
		c.Start()
		if old != nil {
			_ = old.Close()
		}
	}, func() { _ = l.Close() }, nil
}

// guarded answers a request that panics with an error. net/http would close the connection without
// a word.
func guarded(h http.Handler, g *guard.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == http.ErrAbortHandler { // net/http's own way to break a connection
				panic(v)
			}
			if g.Caught(v, guard.Console) {
				http.Error(w, cause.InternalError.Text(), http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// readyz reports whether names can be resolved, and if not, why; and what is dangerous.
func (c *Console) readyz(w http.ResponseWriter, _ *http.Request) {
	text := "ready"
	why := *c.ready.Load()
	if why != "" {
		text = "not ready: " + why
	}
	c.mu.Lock()
	for _, about := range slices.Sorted(maps.Keys(c.warnings)) {
		text += "\nwarning: " + about + ": " + c.warnings[about]
	}
	c.mu.Unlock()
	if why != "" {
		http.Error(w, text, http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, text)
}

// Warn has /readyz tell of something dangerous, though names resolve; "" ends that.
func (c *Console) Warn(about, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if text == "" {
		delete(c.warnings, about)
		return
	}
	c.warnings[about] = text
}

// Socket returns the socket of the listener, for a successor; nil if it listens nowhere.
func (c *Console) Socket() *net.TCPListener {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.socket
}

// Addr returns the address of the listener, "" if it listens nowhere.
func (c *Console) Addr() string {
	if s := c.Socket(); s != nil {
		return s.Addr().String()
	}
	return ""
}

// SetReady sets the result of /readyz: ready, or why not.
func (c *Console) SetReady(whyNot string) { c.ready.Store(&whyNot) }

// NotReady returns why clients are not served, "" if they are.
func (c *Console) NotReady() string { return *c.ready.Load() }

// Start serves until Close.
func (c *Console) Start() {
	if s := c.Socket(); s != nil {
		l := &encrypted{newSeats(s), c}
		go func() { _ = c.http.Serve(l) }()
	}
}

// Close ends the listener, and after finishTime the connections that are left.
func (c *Console) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), finishTime)
	defer cancel()
	if c.http.Shutdown(ctx) == nil {
		return nil
	}
	return c.http.Close() // of browsers that have connected, and ask nothing yet
}
