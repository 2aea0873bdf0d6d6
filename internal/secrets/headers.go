package secrets

import (
	"fmt"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ownHeaders are header fields that belong to who sends the request.
var ownHeaders = []string{"Connection", "Content-Encoding", "Content-Length", "Content-Type",
	"Host", "Transfer-Encoding", "User-Agent"}

// Headers reads header fields of HTTP requests, such as that of a token, from a file: one a line;
// what begins with a # is a comment. An error does not quote a line, as it may be a secret.
func Headers(path string) (http.Header, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h, n := http.Header{}, 0
	for line := range strings.Lines(string(text)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || value == "" || !httpguts.ValidHeaderFieldName(name) ||
			!httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("%s, line %d: no header field such as Authorization: Bearer "+
				"TOKEN", path, n)
		}
		if name = textproto.CanonicalMIMEHeaderKey(name); slices.Contains(ownHeaders, name) {
			return nil, fmt.Errorf("%s, line %d: %s is set by this server", path, n, name)
		}
		h.Add(name, value)
	}
	return h, nil
}
