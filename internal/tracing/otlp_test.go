// What receivers of OTLP over HTTP demand and reply (OTLP specification 1.9.0), and what went wrong
// with other exporters, by public reports.

package tracing

import (
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"bailiwick/internal/pemfile"
	"bailiwick/internal/recorder"
)

// reply is how a receiver answers a request.
type reply struct {
	status int
	retry  string // Retry-After
	body   []byte
}

// rejecting is a response that takes all but some spans (ExportTraceServiceResponse, whose package
// would bring gRPC).
func rejecting(spans int64, why string) []byte {
	in := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(spans))
	in = protowire.AppendString(protowire.AppendTag(in, 2, protowire.BytesType), why)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), in)
}

// receiver is a receiver in the process, for tests whose time is not the machine's.
type receiver struct {
	replies []reply // the last one is given again and again
	asked   []time.Time
}

func (r *receiver) RoundTrip(q *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, q.Body)
	now := r.replies[min(len(r.asked), len(r.replies)-1)]
	r.asked = append(r.asked, time.Now())
	h := http.Header{}
	if now.retry != "" {
		h.Set("Retry-After", now.retry)
	}
	return &http.Response{StatusCode: now.status, Status: http.StatusText(now.status), Header: h,
		Body: io.NopCloser(strings.NewReader(string(now.body)))}, nil
}

// What can be had later is sent again after the time that the receiver names, in seconds or as a
// date, or after one that doubles; no other error is tried again, and what is rejected of a batch
// is lost, not the rest (OTLP 1.9.0, "OTLP/HTTP Response"). Others waited 10 ns in place of 10 s
// (open-telemetry/opentelemetry-go 8383), did not read the field, or not a date in it
// (open-telemetry/opentelemetry-java 8449, opentelemetry-cpp 4172, opentelemetry-proto 806), took
// 429 for final and 500 for passing (opentelemetry-python 5339 and 5460), had a partial success
// look like a failure of all (opentelemetry-collector 9260, equinix-labs/otel-cli 266), and did not
// tell how much was rejected (swift-otel/swift-otel 258).
func TestOTLPResponses(t *testing.T) {
	ok := reply{status: 200}
	for name, c := range map[string]struct {
		replies       []reply
		written, lost uint64
		pauses        []time.Duration // between requests
		log           string
	}{
		"taken":   {[]reply{ok}, 2, 0, nil, ""},
		"no body": {[]reply{{status: 202}}, 2, 0, nil, ""},
		"all is taken with a warning": {[]reply{{status: 200, body: rejecting(0, "old names")}}, 2,
			0, nil, ""},
		"one span is rejected": {[]reply{{status: 200, body: rejecting(1, "too old")}}, 1, 1, nil,
			"rejected 1 spans: \\\"too old\\\""},
		"all are rejected": {[]reply{{status: 200, body: rejecting(9, "quota")}}, 0, 2, nil,
			"quota"},
		"a negative count": {[]reply{{status: 200, body: rejecting(-1, "")}}, 2, 0, nil, ""},
		"damaged":          {[]reply{{status: 200, body: []byte{10, 200, 1}}}, 2, 0, nil, ""},
		"busy": {[]reply{{status: 503}, {status: 502}, {status: 504}, ok}, 2, 0,
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, "are lost"},
		"busy, and says for how long": {[]reply{{status: 429, retry: "7"}, ok}, 2, 0,
			[]time.Duration{7 * time.Second}, "are lost"},
		"busy until a date": {[]reply{{status: 503, retry: "Sat, 01 Jan 2000 00:00:20 GMT"}, ok},
			2, 0, []time.Duration{19 * time.Second}, "are lost"},
		"busy for a day": {[]reply{{status: 503, retry: "86400"}, ok}, 2, 0,
			[]time.Duration{30 * time.Second}, "are lost"},
		"busy since a date": {[]reply{{status: 503, retry: "Sat, 01 Jan 1990 00:00:00 GMT"}, ok},
			2, 0, []time.Duration{time.Second}, "are lost"},
		"busy, nonsense": {[]reply{{status: 503, retry: "soon"}, ok}, 2, 0,
			[]time.Duration{time.Second}, "are lost"},
		"busy for ever": {[]reply{{status: 503}}, 0, 2,
			[]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, "are lost"},
		"bad data":     {[]reply{{status: 400}}, 0, 2, nil, "Bad Request"},
		"no token":     {[]reply{{status: 401}}, 0, 2, nil, "see tracing.headers_file"},
		"not this one": {[]reply{{status: 403}}, 0, 2, nil, "see tracing.headers_file"},
		"too large":    {[]reply{{status: 413}}, 0, 2, nil, "Too Large"},
		"broken":       {[]reply{{status: 500}}, 0, 2, nil, "Internal Server Error"},
		"elsewhere":    {[]reply{{status: 307}}, 0, 2, nil, "Temporary Redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &receiver{replies: c.replies}
				e, n, log := exporterTo(t, Settings{Config: Config{Endpoint: "http://collector",
					Failed: true}}, &http.Client{Transport: r})
				send(e, 2)
				time.Sleep(2 * time.Minute)
				e.Close()
				if n.Written.Load() != c.written || n.Lost.Load() != c.lost ||
					n.Dropped.Load() != 0 || !strings.Contains(log.String(), c.log) ||
					c.log == "" && log.Len() > 0 {
					t.Errorf("%d written, %d lost:\n%s", n.Written.Load(), n.Lost.Load(), log)
				}
				if len(r.asked) != len(c.pauses)+1 {
					t.Fatalf("asked %d times", len(r.asked))
				}
				for i, want := range c.pauses {
					if got := r.asked[i+1].Sub(r.asked[i]); got != want {
						t.Errorf("pause %d: %v, want %v", i, got, want)
					}
				}
			})
		})
	}
}

// A token, compression and a certificate of its own reach the receiver, whose certificate is of an
// authority that only tracing.tls_ca has. What arrives has the octets of ExportTraceServiceRequest.
func TestOTLPTokenCompressionAndTLS(t *testing.T) {
	c := collect(t)
	plain := c.Config.Handler
	var got trace.TracesData
	c.Server.Close()
	seen := make(chan *http.Request, 1)
	c.Server = newTLS(t, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		z, err := gzip.NewReader(q.Body)
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(z)
		if err != nil || proto.Unmarshal(text, &got) != nil {
			t.Errorf("%d octets: %v", len(text), err)
		}
		q.Body = io.NopCloser(strings.NewReader(string(text)))
		plain.ServeHTTP(w, q)
		seen <- q
	}))
	roots := x509.NewCertPool()
	roots.AddCert(c.Certificate())
	own := c.TLS.Certificates[0]
	e, n, _ := exporterTo(t, Settings{
		Config:  Config{Endpoint: c.URL + "/v1/traces", Failed: true, Gzip: true},
		Headers: http.Header{"Authorization": {"Bearer secret"}, "X-Scope-Orgid": {"a", "b"}},
	}, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots,
		Certificates: []tls.Certificate{own}}}})
	rec := recorder.New(recorder.Config{})
	rec.Trace(e)
	resolve(t, rec, "www.expired.faulty.")
	e.Close()
	q := <-seen
	if q.Header.Get("Authorization") != "Bearer secret" || len(q.Header["X-Scope-Orgid"]) != 2 ||
		q.Header.Get("Content-Encoding") != "gzip" || len(q.TLS.PeerCertificates) != 1 {
		t.Errorf("%v, %d certificates", q.Header, len(q.TLS.PeerCertificates))
	}
	if len(c.wrong) > 0 || n.Written.Load() != 1 || len(got.ResourceSpans) != 1 ||
		len(got.ResourceSpans[0].ScopeSpans[0].Spans) != len(c.spans) || len(c.spans) < 10 {
		t.Errorf("%v, %d written, %d spans", c.wrong, n.Written.Load(), len(c.spans))
	}
}

// A batch is not above what proxies take: what waits behind it is sent by itself. Others lose the
// whole (open-telemetry/opentelemetry-collector 14298 and 15177, opentelemetry-python 4533).
func TestOTLPMaxBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{replies: []reply{{status: 200}}}
		e, n, _ := exporterTo(t, Settings{Config: Config{Endpoint: "http://collector"}},
			&http.Client{Transport: r})
		for range 4 {
			e.Take(largeRecording(maxBody))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(r.asked) != 4 || n.Written.Load() != 4 {
			t.Errorf("%d requests, %d written", len(r.asked), n.Written.Load())
		}
		e.Close()
	})
}

// Settings differ if the token in their file does, or the files of certificates are others: both
// are used after a reload, and what is changed in files of certificates without one. Elsewhere it
// takes a restart (open-telemetry/opentelemetry-go 4683, opentelemetry-swift 651,
// opentelemetry-js 5215).
func TestSettingsDifferByTheirFiles(t *testing.T) {
	a := Settings{Headers: http.Header{"Authorization": {"a"}}}
	pool := x509.NewCertPool()
	for i, b := range []Settings{{}, {Headers: http.Header{"Authorization": {"b"}}},
		{Headers: a.Headers, Config: Config{Gzip: true}},
		{Headers: a.Headers, Roots: pemfile.Fixed(pool)},
		{Headers: a.Headers, Certificate: &pemfile.Own{}}} {
		if a.Equal(b) || b.Equal(a) || !b.Equal(b) {
			t.Errorf("settings %d", i)
		}
	}
}
