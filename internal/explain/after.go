// A failure after the fact: what a server has kept of it, beside what is found now.

package explain

import (
	"strings"

	"bailiwick/internal/cause"
)

// FromMemory reports whether nothing of the report is known but that the question has failed, by a
// failure that was kept. A loop of aliases, say, is seen in what the caches have.
func (r *Report) FromMemory() bool {
	if r.Broken == nil || len(r.Remembered) == 0 {
		return false
	}
	for _, x := range r.Exchanges {
		if x.Verdict != "" || x.Cause != "" {
			return false
		}
	}
	return true
}

// After returns a report of a resolution that was made anew, with what the server's memory has: the
// failure that clients are answered with, and since when.
func (r *Report) After(known *Report) *Report {
	r.Remembered = known.Remembered
	r.Packets += known.Packets
	switch {
	case r.Broken == nil:
		r.Notes = append(r.Notes, "it resolves now: clients are answered with the remembered "+
			"failure ("+known.Broken.Cause+") until that ends; flush "+r.Name+" to end it")
	case r.Broken.Cause != known.Broken.Cause:
		r.Notes = append(r.Notes, "it fails for another cause than the remembered one, "+
			known.Broken.Cause)
	default:
		r.Notes = append(r.Notes, "clients are answered with the remembered failure; asked anew, "+
			"it fails for the same cause")
	}
	return r
}

// Forget leaves out what the resolver has kept, as one that was made for the report has nothing
// that a client is answered with.
func (r *Report) Forget() *Report {
	r.Remembered = nil
	return r
}

// Police notes that clients get an outcome of policy in place of what the name resolves to: what
// policy it is from, and the label of what they are told of it, and the client that it was tested
// for; all three may be empty.
func (r *Report) Police(outcome, from, label, client string) {
	out := &Fault{Link: "the policy of this resolver", Kind: kindPolicy,
		Meaning: "this server has an answer of its own", By: cause.Resolver.String(),
		Remedy: strings.TrimSuffix("see it by bailiwick ctl policy test "+r.Name+" "+r.Type+
			" "+client, " ")}
	if from != "" {
		out.Link += ": " + from
	}
	if c, ok := cause.Parse(label); ok {
		out.Cause, out.Meaning, out.By, out.Remedy = label, c.Text(), c.By().String(), c.Hint()
		if code, told := c.EDE(); told {
			out.EDE = &code
		}
		if c.Kind() == cause.KindRequest || c == cause.QueryRefused {
			out.Link, out.Kind = "the question", kindRequest
		}
	}
	r.Instead = out
	r.Notes = append(r.Notes, "without that: "+summary(r))
	r.Summary = r.Name + " " + r.Type + ": clients get " + received(outcome) +
		" in place of what follows: " + out.Meaning
}

// received returns what clients receive by an outcome of policy.
func received(outcome string) string {
	switch outcome {
	case "drop", "dropped":
		return "no reply"
	case "refuse", "refused":
		return "REFUSED"
	case "nxdomain", "notimp", "formerr":
		return strings.ToUpper(outcome)
	}
	return outcome
}
