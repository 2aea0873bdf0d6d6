// The query log: which one is in use, and the operations about it.

package main

import (
	"errors"
	"fmt"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/querylog"
)

// logQueries returns the query log of a configuration: that in use, with its file opened again, if
// it is the same.
func (r *running) logQueries(cfg *config.Config, old *inUse) (*querylog.Log, error) {
	if old.queries.Config() == cfg.QueryLog {
		old.queries.Reopen()
		return old.queries, nil
	}
	l, err := querylog.New(cfg.QueryLog, querylog.Parts{Log: r.log, Observer: r.metrics,
		Guard: r.guard})
	if err != nil {
		return nil, fmt.Errorf("query log: %w", err)
	}
	return l, nil
}

// queryLog tells how the query log is.
func (r *running) queryLog(console.Request) (console.Result, error) {
	l := r.now().queries
	c, s := r.now().Config.QueryLog, l.Status()
	f := map[string]any{"to": c.To.String(), "sample": c.Sample, "written": s.Written,
		"dropped": s.Dropped, "lost": s.Lost}
	if c.Path != "" {
		f["file"] = c.Path
	}
	if s.Problem != "" {
		f["problem"] = s.Problem
	}
	return console.Result{Fields: f}, nil
}

// reopenQueryLog has the file of the query log opened again.
func (r *running) reopenQueryLog(console.Request) (console.Result, error) {
	l := r.now().queries
	if l == nil {
		return console.Result{}, errors.New("queries are not logged: see query_log.to")
	}
	l.Reopen()
	return console.Result{Fields: map[string]any{"reopen": "under way"}}, nil
}
