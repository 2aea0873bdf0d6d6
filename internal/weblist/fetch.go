// One fetch, and what makes a text a list.

package weblist

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/web"
)

// errTooLong is the error of a text that is longer than it may be.
var errTooLong = errors.New("it is too long")

// fetch asks for a text, and returns it if it is a list; nil if it is the one that there is (RFC
// 9110, section 13.1).
func (k *Keeper) fetch(ctx context.Context, address string, have *text, octets int64) (
	*text, Content, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, Content{}, err
	}
	r.Header.Set("User-Agent", "bailiwick") // some servers refuse that of libraries
	if have != nil && have.tag != "" {
		r.Header.Set("If-None-Match", have.tag)
	}
	if have != nil && have.modified != "" {
		r.Header.Set("If-Modified-Since", have.modified)
	}
	reply, err := k.parts.Web.Do(r)
	if err != nil {
		return nil, Content{}, err
	}
	defer reply.Body.Close()
	switch {
	case reply.StatusCode == http.StatusNotModified && have != nil:
		return nil, Content{}, nil
	case reply.StatusCode != http.StatusOK:
		return nil, Content{}, later{errors.New(reply.Status),
			retryAfter(reply, clock.Wall(k.parts.Clock))}
	}
	body := web.NewBody(reply.Body, octets, errTooLong, cancel)
	defer body.Stop()
	got, content, err := k.read(body)
	switch {
	case errors.Is(err, errTooLong):
		return nil, content, refused("it has more than %d octets", octets)
	case err != nil:
		return nil, content, err
	}
	got.tag, got.modified = header(reply, "ETag"), header(reply, "Last-Modified")
	return got, content, nil
}

// header returns a field that is sent back with the next fetch, "" if it is too long for that.
func header(reply *http.Response, name string) string {
	v := reply.Header.Get(name)
	if len(v) > maxHeader {
		return ""
	}
	return v
}

// retryAfter returns when the server wants to be asked again (RFC 9110, section 10.2.3), 0 if it
// does not say.
func retryAfter(reply *http.Response, day time.Time) time.Duration {
	v := reply.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(day))
	}
	return 0
}

// read reads a text, and refuses what is not a list.
func (k *Keeper) read(from io.Reader) (*text, Content, error) {
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, Content{}, err
	}
	w := &watch{to: zip, sum: sha256.New()}
	content, err := k.parts.Count(io.TeeReader(from, w))
	switch {
	case w.err != nil:
		err = w.err
	case err != nil:
	case content.Junk > content.Names:
		err = refused("%d of its %d entries are not names", content.Junk,
			content.Junk+content.Names)
	case content.Names == 0:
		err = refused("it has no names")
	default:
		err = zip.Close()
	}
	if err != nil {
		return nil, content, err
	}
	got := &text{packed: bytes.Clone(packed.Bytes()), length: w.length, names: content.Names}
	w.sum.Sum(got.sum[:0])
	return got, content, nil
}

// watch is what a text goes through while it is counted: it is packed, and what can be no text
// ends the fetch.
type watch struct {
	to     io.Writer
	sum    hash.Hash
	length int64
	begun  bool // an octet was seen that is not space
	err    error
}

// Write implements io.Writer.
func (w *watch) Write(b []byte) (int, error) {
	if w.err == nil {
		w.err = w.look(b)
	}
	if w.err != nil {
		return 0, w.err
	}
	w.sum.Write(b)
	w.length += int64(len(b))
	return w.to.Write(b)
}

// look refuses pages for people, and what is not text.
func (w *watch) look(b []byte) error {
	if bytes.IndexByte(b, 0) >= 0 {
		return refused("it is not text; it may be compressed")
	}
	if w.begun {
		return nil
	}
	b = bytes.TrimLeft(b, "\xef\xbb\xbf \t\r\n")
	if len(b) == 0 {
		return nil
	}
	w.begun = true
	if b[0] == '<' || b[0] == '{' {
		return refused("it is a page or a document and no list: it begins with %q",
			b[:min(len(b), 40)])
	}
	return nil
}
