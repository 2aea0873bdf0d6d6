// Package console is the admin HTTP listener: /metrics, /healthz, /readyz.
package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Console is the listener.
type Console struct {
	http  http.Server
	l     net.Listener
	ready atomic.Bool
}

// Listen opens the listener at an address.
func Listen(addr string, reg *prometheus.Registry) (*Console, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin listener: %w", err)
	}
	c := &Console{l: l}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", c.readyz)
	c.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	return c, nil
}

// readyz says whether clients are served.
func (c *Console) readyz(w http.ResponseWriter, _ *http.Request) {
	if !c.ready.Load() {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	_, _ = fmt.Fprintln(w, "ready")
}

// Addr is where the listener listens.
func (c *Console) Addr() string { return c.l.Addr().String() }

// SetReady says whether clients are served.
func (c *Console) SetReady(ready bool) { c.ready.Store(ready) }

// Start serves until Close.
func (c *Console) Start() { go func() { _ = c.http.Serve(c.l) }() }

// Close ends the listener.
func (c *Console) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.http.Shutdown(ctx)
}
