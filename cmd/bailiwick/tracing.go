// Traces of resolutions: who gets them.

package main

import (
	"net/http"

	"bailiwick/internal/tracing"
	"bailiwick/internal/web"
)

// traceBy has resolutions traced as a configuration has it, in place of the one in use. The
// collector's name is looked up by the resolver of this server; a place that it refers to is not
// followed.
func (r *running) traceBy(cfg tracing.Settings) {
	if old := r.tracer; !old.Settings().Equal(cfg) {
		carrier := web.Transport(web.Parts{Lookup: r.lookUp})
		client := &http.Client{Transport: web.NewRenewed(carrier, cfg.Roots, cfg.Certificate),
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			}}
		r.tracer = tracing.New(cfg, tracing.Parts{Web: client, Log: r.log, Guard: r.guard,
			Counts: r.metrics.Traces, Version: version})
		if r.tracer == nil {
			r.recorder.Trace(nil)
		} else {
			r.recorder.Trace(r.tracer)
		}
		r.retiring.Go(old.Close)
	}
}
