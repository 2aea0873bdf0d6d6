package console

import (
	"net/http"
	"testing"
)

// HEAD is answered as GET is, without the body (RFC 9110, sections 9.1 and 9.3.2): by it scripts
// look whether a server is there, and what the ETag of its settings is. It changes nothing, so what
// changes something has none.
func TestRFC9110HeadIsGetWithoutItsBody(t *testing.T) {
	o := newOffice(t)
	for path, want := range map[string]int{"openapi.json": http.StatusOK, "settings": http.StatusOK,
		"none": http.StatusNotFound, "flush": http.StatusMethodNotAllowed} {
		r, err := http.NewRequest(http.MethodHead, o.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+operator)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		allow := res.Header.Get("Allow")
		if want == http.StatusMethodNotAllowed && allow != "POST" {
			t.Errorf("%s: Allow: %s (section 10.2.1)", path, allow)
		}
		tagged := path == "settings"
		if res.StatusCode != want || (res.Header.Get("ETag") != "") != tagged {
			t.Errorf("%s: status %d, ETag %q", path, res.StatusCode, res.Header.Get("ETag"))
		}
	}
	r, err := http.NewRequest(http.MethodDelete, o.url+"openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if allow := res.Header.Get("Allow"); allow != "GET, HEAD" {
		t.Errorf("Allow: %s (section 10.2.1)", allow)
	}
}
