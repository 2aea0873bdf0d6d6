// The steps of a server, in their order, and what they have done.

package hook

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// Chain are steps that are asked one after the other: the first that does not pass decides. A nil
// Chain passes everything.
type Chain struct {
	steps     []*counted
	perClient bool
}

// counted is a step with the counts of what it said.
type counted struct {
	Step
	perClient bool
	verdicts  [actions]atomic.Int64
	slow      atomic.Int64
}

// NewChain returns a chain of steps, nil if there are none. An error is a name that metrics cannot
// have, or that two steps have, or that there are too many.
func NewChain(steps []Step) (*Chain, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	if len(steps) > MaxSteps {
		return nil, fmt.Errorf("there are %d policy steps; there may be %d", len(steps), MaxSteps)
	}
	c, names := &Chain{}, map[string]bool{}
	for _, s := range steps {
		name := s.Name()
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return nil, fmt.Errorf("%q is not a name of a policy step: lower-case letters, digits "+
				"and hyphens", name)
		}
		if names[name] {
			return nil, fmt.Errorf("two policy steps are called %s", name)
		}
		names[name] = true
		c.steps = append(c.steps, &counted{Step: s, perClient: s.PerClient()})
		c.perClient = c.perClient || s.PerClient()
	}
	return c, nil
}

// Begin tells the steps that change whom to call when they have.
func (c *Chain) Begin(changed func()) {
	if c == nil {
		return
	}
	for _, s := range c.steps {
		if s, ok := s.Step.(Changing); ok {
			s.Changes(changed)
		}
	}
}

// Any reports whether there are steps.
func (c *Chain) Any() bool { return c != nil }

// PerClient reports whether the client matters to a step.
func (c *Chain) PerClient() bool { return c != nil && c.perClient }

// Decision is what a step has decided.
type Decision struct {
	Verdict
	Step      string
	PerClient bool
}

// Question asks the steps about a question; ok is false if all pass.
func (c *Chain) Question(q *Question) (d Decision, ok bool) {
	return c.ask(q, func(s Step, q Question) Verdict { return s.Question(q) })
}

// Answer asks the steps about an answer; ok is false if all pass.
func (c *Chain) Answer(q *Question, a *Answer) (d Decision, ok bool) {
	return c.ask(q, func(s Step, q Question) Verdict { return s.Answer(q, *a) })
}

// Test tells what the steps would say of a question, without counting it; ok is false if all pass.
func (c *Chain) Test(q *Question) (d Decision, ok bool) {
	return c.first(q, func(s *counted, q Question) Verdict { return s.Step.Question(q) })
}

// ask asks the steps, and counts what they say.
func (c *Chain) ask(q *Question, call func(Step, Question) Verdict) (d Decision, ok bool) {
	return c.first(q, func(s *counted, q Question) Verdict {
		v := s.timed(func() Verdict { return call(s.Step, q) })
		s.verdicts[v.Action].Add(1)
		return v
	})
}

// first returns the verdict of the first step that does not pass. Those to which the client does
// not matter do not see it.
func (c *Chain) first(q *Question, call func(*counted, Question) Verdict) (d Decision, ok bool) {
	if c == nil {
		return d, false
	}
	others := *q
	others.Client, others.Transport = Question{}.Client, ""
	for _, s := range c.steps {
		own := others
		if s.perClient {
			own = *q
		}
		if v := call(s, own); v.Action != Pass {
			return Decision{v, s.Name(), s.perClient}, true
		}
	}
	return d, false
}

// timed calls a step, and counts the call if it has taken too long. A step cannot be stopped.
func (s *counted) timed(call func() Verdict) Verdict {
	began := time.Now()
	v := call()
	if time.Since(began) > slowTime {
		s.slow.Add(1)
	}
	return v
}

// Status is what a step has done.
type Status struct {
	Step     string
	Verdicts map[Action]int64
	Slow     int64 // calls that took too long
}

// Status returns what the steps have done.
func (c *Chain) Status() (all []Status) {
	if c == nil {
		return nil
	}
	for _, s := range c.steps {
		st := Status{Step: s.Name(), Verdicts: map[Action]int64{}, Slow: s.slow.Load()}
		for a := range s.verdicts {
			st.Verdicts[Action(a)] = s.verdicts[a].Load()
		}
		all = append(all, st)
	}
	return all
}
