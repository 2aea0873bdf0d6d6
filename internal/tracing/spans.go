// Spans of a resolution, made of its events.

package tracing

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/querylog"
	"bailiwick/internal/recorder"
	"bailiwick/transport"
	"bailiwick/wire"
)

// tree makes the spans of one resolution.
type tree struct {
	id    []byte
	spans []*trace.Span
	root  *trace.Span
	fetch map[uint64]*trace.Span // by number
}

// spansOf returns the spans of a resolution: one for the whole, and below it one for each fetch,
// for each question to a server and for each verdict. Everything else that has happened is an event
// of the span in which it has.
func spansOf(rec *recorder.Recording, clients querylog.Privacy) []*trace.Span {
	t := &tree{id: random(16), fetch: map[uint64]*trace.Span{}}
	t.root = t.span("resolve "+rec.Question.Type.String(), nil, rec.Time, rec.Time.Add(rec.Took))
	t.root.Kind = trace.Span_SPAN_KIND_SERVER
	question(t.root, rec.Question)
	if who := clients.Of(rec.Client); who != "" {
		set(t.root, "client.address", who)
	}
	failed(t.root, cause.None, rec.Failure)
	for _, e := range rec.Trace.Events() {
		t.add(&e)
	}
	return t.spans
}

// random returns an identifier.
func random(octets int) (b []byte) {
	for len(b) < octets {
		b = binary.BigEndian.AppendUint64(b, rand.Uint64()|1) // none is all zeros
	}
	return b
}

// span adds a span.
func (t *tree) span(name string, parent *trace.Span, from, to time.Time) *trace.Span {
	s := &trace.Span{TraceId: t.id, SpanId: random(8), Name: name,
		Kind:              trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(from.UnixNano()), EndTimeUnixNano: uint64(to.UnixNano())}
	if parent != nil {
		s.ParentSpanId = parent.SpanId
	}
	t.spans = append(t.spans, s)
	return s
}

// in returns the span that an event belongs to.
func (t *tree) in(fetch uint64) *trace.Span {
	if s := t.fetch[fetch]; s != nil {
		return s
	}
	return t.root
}

// add adds what an event has to say.
func (t *tree) add(e *event.Event) {
	switch in := t.in(e.Fetch); e.Kind {
	case event.FetchStart:
		s := t.span("fetch "+e.Question.Type.String(), t.in(e.Parent), e.Time, e.Time)
		question(s, e.Question)
		t.fetch[e.Fetch] = s
	case event.FetchEnd:
		if in == t.root { // its beginning was left out
			note(in, e)
			return
		}
		in.EndTimeUnixNano = uint64(e.Time.UnixNano())
		failed(in, cause.None, e.Failure)
	case event.Exchange:
		t.exchange(in, e)
	case event.Verdict:
		s := t.span("validate "+e.Question.Type.String(), in, e.Time, e.Time)
		question(s, e.Question)
		set(s, "bailiwick.validation", e.Status.String())
		if !e.Zone.IsZero() {
			set(s, "bailiwick.zone", e.Zone.String())
		}
		failed(s, cause.None, e.Failure)
	default:
		note(in, e)
	}
}

// exchange adds the span of a question to a server.
func (t *tree) exchange(in *trace.Span, e *event.Event) {
	s := t.span("query "+e.Question.Type.String(), in, e.Time.Add(-e.Took), e.Time)
	s.Kind = trace.Span_SPAN_KIND_CLIENT
	question(s, e.Question)
	set(s, "bailiwick.zone", e.Zone.String())
	at := e.Server.Addr().Unmap()
	set(s, "server.address", at.String())
	number(s, "server.port", int64(e.Server.Port()))
	set(s, "network.type", family(at))
	set(s, "network.transport", carrier(e.Protocol))
	set(s, "bailiwick.transport", e.Protocol.String())
	if e.Err == nil {
		set(s, "dns.response_code", e.RCode.String())
	}
	failed(s, e.Cause, e.Failure)
}

// family is the network type of an address.
func family(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// carrier is the transport layer of a protocol: tcp, udp, or quic over udp.
func carrier(p transport.Protocol) string {
	if p.Network() == "udp" && p.Stream() {
		return "quic"
	}
	return p.Network()
}

// question sets the attributes of a question.
func question(s *trace.Span, q wire.Question) {
	set(s, "dns.question.name", strings.TrimSuffix(q.Name.String(), "."))
	set(s, "dns.question.type", q.Type.String())
}

// failed sets the cause of a span that has failed.
func failed(s *trace.Span, c cause.Cause, f *cause.Failure) {
	message := c.Text()
	if f != nil {
		c, message = f.Cause, f.Error() // which begins with the text of the cause
		if f.Zone != "" {
			set(s, "bailiwick.zone", f.Zone)
		}
	}
	if c == cause.None {
		return
	}
	set(s, "error.type", c.Label())
	s.Status = &trace.Status{Code: trace.Status_STATUS_CODE_ERROR, Message: message}
}

// note adds an event to a span.
func note(s *trace.Span, e *event.Event) {
	s.Events = append(s.Events, &trace.Span_Event{TimeUnixNano: uint64(e.Time.UnixNano()),
		Name: e.Kind.String(), Attributes: []*common.KeyValue{text("bailiwick.text", e.Text())}})
}

func text(key, v string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{
		Value: &common.AnyValue_StringValue{StringValue: strings.ToValidUTF8(v, "?")}}}
}

// set gives a span an attribute, in place of one of the same name.
func set(s *trace.Span, key, v string) {
	for _, a := range s.Attributes {
		if a.Key == key {
			a.Value = text(key, v).Value
			return
		}
	}
	s.Attributes = append(s.Attributes, text(key, v))
}

func number(s *trace.Span, key string, v int64) {
	s.Attributes = append(s.Attributes, &common.KeyValue{Key: key, Value: &common.AnyValue{
		Value: &common.AnyValue_IntValue{IntValue: v}}})
}
