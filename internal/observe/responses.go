// The metrics of responses: how many there are, what was validated of them, and how long they took.

package observe

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bailiwick/internal/counter"
	"bailiwick/internal/event"
	"bailiwick/transport"
	"bailiwick/wire"
)

// source is where a response is from.
type source uint8

// The sources.
const (
	fromHere     source = iota // refusals, errors, local data
	fromPrepared               // prepared answers
	fromMemory                 // other answers from the caches
	fromServers
	sources
)

// sourceOf returns the source of an answer of an origin.
func sourceOf(o event.Origin) source {
	switch o {
	case event.OriginPrepared:
		return fromPrepared
	case event.OriginKnown, event.OriginReferral, event.OriginStale:
		return fromMemory
	case event.OriginResolved:
		return fromServers
	}
	return fromHere
}

// validation is the result of validation as a label: that of the data, or none if there are none.
type validation uint8

// none is what follows the statuses of data.
const (
	none        = validation(wire.Secure) + 1
	validations = none + 1
)

func (v validation) String() string {
	if v == none {
		return "none"
	}
	return wire.Security(v).String()
}

// labelled are the response codes with labels of their own; that of all others is "other".
var labelled = [...]wire.RCode{wire.RCodeNoError, wire.RCodeNXDomain, wire.RCodeServFail,
	wire.RCodeFormErr, wire.RCodeNotImp, wire.RCodeRefused, wire.RCodeBadVers}

const (
	codes = len(labelled) + 1
	other = len(labelled)
)

// codeOf has the index of each code.
var codeOf = func() (of [maxRCode + 1]uint8) {
	for rc := range of {
		of[rc] = uint8(other)
	}
	for i, rc := range labelled {
		of[rc] = uint8(i)
	}
	return of
}()

// responses counts responses. A response adds to one counter, from which all metrics are made.
type responses struct {
	counts [][sources][codes][validations]*counter.Counter // by protocol; nil: there is none such
	of     [][sources][codes][none]*counter.Counter        // the same by status, without gaps
	times  [][2]times                                      // by protocol, for misses and hits
}

// newResponses defines the metrics.
func newResponses(reg *prometheus.Registry) *responses {
	r := &responses{}
	for range transport.Protocols() {
		var counts [sources][codes][validations]*counter.Counter
		var of [sources][codes][none]*counter.Counter
		for s := range sources {
			for c := range codes {
				for v := range validations {
					if possible(s, c, v) {
						counts[s][c][v] = new(counter.Counter)
					}
				}
				for v := range none {
					of[s][c][v] = cmp.Or(counts[s][c][v], counts[s][c][none],
						counts[fromHere][c][none])
				}
			}
		}
		r.counts, r.of = append(r.counts, counts), append(r.of, of)
		r.times = append(r.times, [2]times{})
	}
	sent := newCounters(reg, "responses_total", "Responses to clients, by transport, response "+
		"code and result of validation: secure, insecure or indeterminate data; bogus, of which "+
		"clients get none; unchecked, for clients that check themselves or as an exception "+
		"demands; and none where there are no data to validate.", "transport", "rcode",
		"validation")
	for _, p := range transport.Protocols() {
		for c := range codes {
			for v := range validations {
				if r.any(c, v) {
					sent.read(func() uint64 { return r.sum(p, all, c, v) }, p.String(), code(c),
						v.String())
				}
			}
		}
	}
	validated := newCounters(reg, "answer_validations_total", "Answers to clients, by their "+
		"result of validation, and whether they are from the cache or servers were asked "+
		"(fresh).", "result", "source")
	for v := range none {
		validated.read(func() uint64 { return r.sumOf(v, fromPrepared, fromMemory) }, v.String(),
			"cache")
		validated.read(func() uint64 { return r.sumOf(v, fromServers) }, v.String(), "fresh")
	}
	newCounters(reg, "fast_answers_total", "Queries answered from prepared answers, without "+
		"leaving the reader.").read(func() (n uint64) {
		for v := range validations {
			n += r.sumOf(v, fromPrepared)
		}
		return n
	})
	reg.MustRegister(r)
	return r
}

// all is every source, for sum.
const all = sources

// possible reports whether there are responses from a source with a code and a result.
func possible(s source, c int, v validation) bool {
	switch rc := code(c); {
	case s == fromHere:
		return v == none
	case rc == wire.RCodeServFail.String():
		return v == none || v == validation(wire.Bogus)
	case rc == wire.RCodeNoError.String(), rc == wire.RCodeNXDomain.String():
		return v != none && v != validation(wire.Bogus)
	}
	return false
}

// code returns the label of a code.
func code(c int) string {
	if c == other {
		return "other"
	}
	return labelled[c].String()
}

// any reports whether some source has responses with a code and a result.
func (r *responses) any(c int, v validation) bool {
	for s := range sources {
		if possible(s, c, v) {
			return true
		}
	}
	return false
}

// sum adds up the responses over a transport with a code and a result, of one source or all.
func (r *responses) sum(p transport.Protocol, of source, c int, v validation) (n uint64) {
	for s := range sources {
		if k := r.counts[p][s][c][v]; k != nil && (of == all || of == s) {
			n += k.Load()
		}
	}
	return n
}

// sumOf adds up all responses of some sources with a result.
func (r *responses) sumOf(v validation, of ...source) (n uint64) {
	for p := range r.counts {
		for _, s := range of {
			for c := range codes {
				n += r.sum(transport.Protocol(p), s, c, v)
			}
		}
	}
	return n
}

// Response counts a response.
func (r *responses) Response(o event.Served) {
	c := uint8(other)
	if o.RCode <= maxRCode {
		c = codeOf[o.RCode]
	}
	s := sourceOf(o.Origin)
	r.of[o.Protocol][s][c][o.Status].Add(1)
	if o.Weight > 0 {
		hit := 1
		if s == fromServers {
			hit = 0
		}
		r.times[o.Protocol][hit].add(o.Took, uint64(o.Weight))
	}
}

// responseBuckets are the bounds of the buckets of times of responses.
var responseBuckets = [...]time.Duration{2 * time.Microsecond, 5 * time.Microsecond,
	10 * time.Microsecond, 20 * time.Microsecond, 50 * time.Microsecond, 100 * time.Microsecond,
	500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	200 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second}

// times is a histogram.
type times struct {
	counts [len(responseBuckets) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// add adds a time that so many responses took.
func (t *times) add(took time.Duration, n uint64) {
	i := 0
	for i < len(responseBuckets) && took > responseBuckets[i] {
		i++
	}
	t.counts[i].Add(n)
	t.sum.Add(int64(took) * int64(n))
}

var responseSeconds = desc("response_seconds", "Time from the arrival of "+
	"a query in this server to its response, by transport and answer: miss if servers were asked, "+
	"hit for all others. Of prepared answers one in 256 is measured, and counts 256 times. The "+
	"socket's queue and the delay of paced answers are not in it.", "transport", "answer")

// Describe implements prometheus.Collector.
func (r *responses) Describe(ch chan<- *prometheus.Desc) { ch <- responseSeconds }

// Collect implements prometheus.Collector.
func (r *responses) Collect(ch chan<- prometheus.Metric) {
	for _, p := range transport.Protocols() {
		for i, answer := range [...]string{"miss", "hit"} {
			t, n, below := &r.times[p][i], uint64(0), map[float64]uint64{}
			for j, bound := range responseBuckets {
				n += t.counts[j].Load()
				below[bound.Seconds()] = n
			}
			n += t.counts[len(responseBuckets)].Load()
			ch <- prometheus.MustNewConstHistogram(responseSeconds, n,
				time.Duration(t.sum.Load()).Seconds(), below, p.String(), answer)
		}
	}
}
