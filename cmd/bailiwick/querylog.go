// The query log: which one is in use, and the operations about it.

package main

import (
	"errors"
	"fmt"
	"slices"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/querylog"
	"bailiwick/server"
)

// queryLogs are the query logs of a configuration. A nil one has none.
type queryLogs struct {
	all     []*querylog.Log // each that writes
	general *querylog.Log   // of clients without a view that has its own; nil: they are not logged
	views   []server.QueryLog
	writers []*querylog.Log // those that the views' lines go to; nil: to none of their own
}

// logQueries returns the query logs of a configuration: those in use, with their files opened
// again, as far as they are the same. Views whose lines go to one place share the log that writes
// there.
func (r *running) logQueries(cfg *config.Config, old *inUse) (*queryLogs, error) {
	n := &queryLogs{views: make([]server.QueryLog, len(cfg.Views)),
		writers: make([]*querylog.Log, len(cfg.Views))}
	var err error
	if n.general, err = r.logTo(n, cfg.QueryLog, old.queries); err != nil {
		return nil, err
	}
	for i := range cfg.Views {
		c, own := cfg.QueryLogOf(i)
		if !own {
			continue
		}
		l, err := r.logTo(n, c, old.queries)
		if err != nil {
			n.closeBut(old.queries)
			return nil, fmt.Errorf("view %s: %w", cfg.Views[i].Name, err)
		}
		if l != nil {
			n.views[i], n.writers[i] = l.Share(c.Sample, c.Clients), l
		}
	}
	return n, nil
}

// logTo returns a log that writes where a configuration has it, nil if that is nowhere.
func (r *running) logTo(n *queryLogs, c querylog.Config, old *queryLogs) (*querylog.Log, error) {
	for _, l := range n.all {
		if l.Config().Alike(c) {
			return l, nil
		}
	}
	if old != nil {
		for _, l := range old.all {
			if l.Config() == c {
				l.Reopen()
				n.all = append(n.all, l)
				return l, nil
			}
		}
	}
	l, err := querylog.New(c, querylog.Parts{Log: r.log, Observer: r.metrics, Guard: r.guard})
	if err != nil {
		return nil, fmt.Errorf("query log: %w", err)
	}
	if l != nil {
		n.all = append(n.all, l)
	}
	return l, nil
}

// closeBut closes the logs that others do not have.
func (q *queryLogs) closeBut(others *queryLogs) {
	if q == nil {
		return
	}
	for _, l := range q.all {
		if others == nil || !slices.Contains(others.all, l) {
			l.Close()
		}
	}
}

// give gives the rules of a listener the logs.
func (q *queryLogs) give(rules *server.Rules) {
	if q == nil {
		return
	}
	if q.general != nil {
		rules.Log = q.general
	}
	rules.ViewLogs = q.views
}

// queryLog tells how the query logs are.
func (r *running) queryLog(console.Request) (console.Result, error) {
	now := r.now()
	c, s := now.Config.QueryLog, now.queries.general.Status()
	f := map[string]any{"to": c.To.String(), "sample": c.Sample, "written": s.Written,
		"dropped": s.Dropped, "lost": s.Lost}
	if c.Path != "" {
		f["file"] = c.Path
	}
	if s.Problem != "" {
		f["problem"] = s.Problem
	}
	res := console.Result{Fields: f}
	for i := range now.Config.Views {
		if c, own := now.Config.QueryLogOf(i); own {
			s := now.queries.writers[i].Status()
			res.Columns = []string{"view", "to", "file", "sample", "written", "dropped", "lost",
				"problem"}
			res.Rows = append(res.Rows, []any{now.Config.Views[i].Name, c.To.String(),
				orNone(c.Path), c.Sample, s.Written, s.Dropped, s.Lost, orNone(s.Problem)})
		}
	}
	return res, nil
}

// reopenQueryLog has the files of the query logs opened again.
func (r *running) reopenQueryLog(console.Request) (console.Result, error) {
	q := r.now().queries
	if len(q.all) == 0 {
		return console.Result{}, errors.New("queries are not logged: see query_log.to")
	}
	for _, l := range q.all {
		l.Reopen()
	}
	return console.Result{Fields: map[string]any{"reopen": "under way"}}, nil
}
