// Downloading the root's trust anchors while the server runs (RFC 9718).

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/state"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// loadPublished returns the anchors that an earlier process has downloaded.
func (s *stack) loadPublished() (all []trustanchor.Published) {
	_ = s.state.Load(state.Fetched, func(r io.Reader) error { // it reports what is wrong
		document, err := io.ReadAll(r)
		if err == nil {
			all, err = trustanchor.ReadPublished(document)
		}
		return err
	})
	return all
}

// Intervals of downloads.
const (
	fetchTick  = time.Second // a test may move the clock
	fetchAgain = time.Hour   // after a failure
)

// fetchAnchors downloads the root's anchors as often as the configuration wants, until ctx ends.
func (r *running) fetchAnchors(ctx context.Context) {
	var last time.Time // age at which the last attempt began
	failed := false
	for more := true; more; more = r.rest.Wait(ctx, fetchTick, nil) {
		interval := r.now().Config.Anchors.Fetch
		if failed {
			interval = min(interval, fetchAgain)
		}
		if now := r.clock.Now(); interval > 0 && (last.IsZero() || now.Sub(last) >= interval) {
			last, failed = now, true
			r.guard.Run(guard.Upkeep, func() { failed = r.fetchNow(ctx) != nil })
		}
	}
}

// fetchNow downloads the root's anchors and trusts them.
func (r *running) fetchNow(ctx context.Context) error {
	c := r.now().Config.Anchors
	document, err := r.download(ctx, c)
	var all []trustanchor.Published
	if err == nil {
		all, err = trustanchor.ReadPublished(document)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.metrics.AnchorFetch(err == nil)
	if err != nil {
		r.log.Error("the root's trust anchors cannot be downloaded", "url", c.URL, "error",
			err.Error())
		return err
	}
	_ = r.state.Save(state.Fetched, func(w io.Writer) error { // it reports a failure
		_, err := w.Write(document)
		return err
	})
	if r.adopt(all) {
		r.retrust()
		r.follower.Refresh() // it may have asked meanwhile, and been judged by the old ones
	}
	return nil
}

// adopt takes anchors that were downloaded among the configured ones, and reports whether others
// are to be trusted for it.
func (r *running) adopt(all []trustanchor.Published) bool {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	now := r.now()
	r.published = all
	if set := r.anchorsOf(now.configured); r.follower.Differs(set) {
		r.follower.Configure(followed(now.Config), set)
	}
	r.compareAnchors()
	return len(trustanchor.Changed(r.follower.Trusted(), now.Anchors)) > 0
}

// download downloads the root's anchors. The name is resolved here, without validation: otherwise a
// server whose anchors are too old could not get the new ones. What protects is their signature.
func (r *running) download(ctx context.Context, c trustanchor.Config) ([]byte, error) {
	roots, err := r.now().AnchorRoots()
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		var errs []error
		for _, a := range r.unvalidated(ctx, host) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network,
				net.JoinHostPort(a.String(), port))
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		if len(errs) == 0 {
			return nil, fmt.Errorf("%s has no address", host)
		}
		return nil, errors.Join(errs...)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	return trustanchor.Download(ctx, client, c.URL, roots, clock.Wall(r.clock))
}

// unvalidated returns the addresses of a host, whether they verify or not.
func (r *running) unvalidated(ctx context.Context, host string) (addrs []netip.Addr) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}
	}
	name, err := wire.ParseName(host)
	if err != nil {
		return nil
	}
	for _, t := range []wire.Type{wire.TypeAAAA, wire.TypeA} {
		a := r.now().resolver.Resolve(ctx, wire.Question{Name: name, Type: t,
			Class: wire.ClassIN}, resolver.Options{CheckingDisabled: true})
		for _, s := range a.Sets {
			if s.Type == t {
				addrs = append(addrs, s.Data.Addresses()...)
			}
		}
	}
	return addrs
}
