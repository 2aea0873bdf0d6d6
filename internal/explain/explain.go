// Making a report: the question is resolved, and what of its chain of trust the events have not
// told is asked for by questions of their own.

package explain

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// explainer makes one report.
type explainer struct {
	ctx    context.Context
	r      *resolver.Resolver
	c      *collector
	found  *findings
	report *Report
	now    time.Time // signatures are judged at
	zones  map[wire.Name]*zoneState
	signed map[wire.Name]map[uint16]bool // the tags of keys that sign something, by zone
	asked  map[key]int
}

// zoneState is a zone of the chain while the report is made.
type zoneState struct {
	name, parent wire.Name
	anchored     bool
	ds, keys     *evidence
	silent       bool // it is not asked for its keys
}

// Explain resolves a question and explains its answer. What the resolver has in its caches is used,
// as for any client.
func Explain(ctx context.Context, r *resolver.Resolver, q wire.Question) *Report {
	x := &explainer{ctx: ctx, r: r, c: &collector{}, found: newFindings(),
		now: r.SignatureTime().UTC().Truncate(time.Second), zones: map[wire.Name]*zoneState{},
		signed: map[wire.Name]map[uint16]bool{}, asked: map[key]int{}}
	x.report = &Report{Schema: schemaVersion, Name: q.Name.String(), Type: q.Type.String(),
		Time: x.now, Steps: []Step{}, Zones: []Zone{}}
	a := x.resolve(key{q.Name, q.Type})
	x.report.RCode, x.report.Status = a.RCode.String(), a.Status.String()
	x.except(q)
	steps := x.follow(key{q.Name, q.Type}, a.Failure)
	for _, s := range steps {
		x.chain(s)
	}
	x.describe(steps, a)
	return x.report
}

// resolve asks the resolver, and reads what it tells.
func (x *explainer) resolve(k key) *resolver.Answer {
	x.asked[k]++
	a := x.r.Resolve(x.ctx, wire.Question{Name: k.name, Type: k.t, Class: wire.ClassIN},
		resolver.Options{Events: x.c})
	x.report.Packets += a.Sent
	x.found.take(x.c.since(x.found.read))
	return a
}

// need returns the evidence for a question, which is asked unless it is known. It is nil if there
// is none: nothing was judged.
func (x *explainer) need(k key) *evidence {
	x.found.take(x.c.since(x.found.read))
	if e := x.found.of[k]; e != nil {
		return e
	}
	for x.found.failed[k] == nil && x.asked[k] < 2 { // the second time it is in the cache
		x.resolve(k)
		if e := x.found.of[k]; e != nil {
			return e
		}
	}
	return nil
}

// except tells of the exception that holds for the question, if it was not told by an event: what
// is in the cache has been excepted before.
func (x *explainer) except(q wire.Question) {
	if zone, c := x.r.Excepted(q); c != cause.None {
		x.found.excepted(zone, c)
	}
}

// stepState is a name of the alias chain while the report is made.
type stepState struct {
	key
	*evidence                // nil if nothing was judged
	failure   *cause.Failure // why there is no answer
	target    wire.Name
}

// follow returns the steps of an alias chain; failed is why the question has no answer.
func (x *explainer) follow(k key, failed *cause.Failure) (steps []stepState) {
	for range maxSteps {
		s := stepState{key: k, evidence: x.need(k)}
		if s.evidence != nil && s.Kind == wire.KindAlias && s.status != wire.Bogus {
			s.target = targetOf(s.Sets)
		}
		if s.target.IsZero() {
			s.failure = cmp.Or(x.found.failed[k], bogusFailure(s.evidence))
			if s.failure == nil && s.evidence == nil {
				s.failure = failed
			}
		}
		again := slices.ContainsFunc(steps, func(t stepState) bool { return t.key == k })
		if steps = append(steps, s); s.target.IsZero() || again {
			break
		}
		k.name = s.target
	}
	return steps
}

// bogusFailure returns why evidence is bogus, nil if it is not.
func bogusFailure(e *evidence) *cause.Failure {
	if e == nil || e.status != wire.Bogus {
		return nil
	}
	return e.failure
}

// targetOf returns the target of an alias, zero if the sets are none.
func targetOf(sets []*wire.RRset) wire.Name {
	if s := wire.FindType(sets, wire.TypeCNAME); s != nil {
		if to, ok := wire.TargetName(s.Data.First()); ok {
			return to
		}
	}
	return wire.Name{}
}
