// The web page of the admin listener. It is a client of the API like any other: it has no data, no
// rights and no cookies of its own, and asks whoever opens it for a token. Its files are embedded,
// and refer to nothing outside.
//
// The policy (CSP) keeps a text of a zone or a client from becoming markup, should the scripts have
// a fault: nothing is executed or styled but these files, no markup can be made of a text at all
// (Trusted Types), no form is sent, and nothing is fetched from elsewhere. No page can frame it,
// hold its window, or load its files.

package console

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// pagePath is the path of the page.
const pagePath = "/console/"

// pageIndex is the file that the page begins with.
const pageIndex = "index.html"

// pagePolicy is its Content-Security-Policy. Drawings are shown as images, in which browsers run no
// script and fetch nothing.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; " +
	"img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed page
var pageFS embed.FS

// pageFile is a file of the page.
type pageFile struct {
	media, tag string
	content    []byte
}

// pageFiles are those of the page by name.
var pageFiles = readPage()

// mediaTypes are those of the files, whatever the machine's own table says: a script of another
// type is not run.
var mediaTypes = map[string]string{".html": "text/html; charset=utf-8",
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml"}

// readPage reads the embedded files.
func readPage() map[string]pageFile {
	files := map[string]pageFile{}
	entries, err := fs.ReadDir(pageFS, "page")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, e := range entries {
		content, err := fs.ReadFile(pageFS, "page/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		files[e.Name()] = pageFile{mediaTypes[path.Ext(e.Name())], fmt.Sprintf(`"%x"`, sum[:12]),
			content}
	}
	return files
}

// servePage serves a file of the page.
func (a *API) servePage(w http.ResponseWriter, r *http.Request) {
	access := a.access.Load()
	if !access.Page {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	if p := access.screenHost(r); p != nil { // a token typed into it would be that page's
		http.Error(w, p.Detail, p.Status)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the method is GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == "/" {
		http.Redirect(w, r, pagePath, http.StatusSeeOther)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, pagePath)
	if name == "" {
		name = pageIndex
	}
	file, ok := pageFiles[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Type", file.media)
	if name != pageIndex { // what it shows is not kept; the files that it is made of are
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", file.tag)
		if Matches(r.Header.Get("If-None-Match"), file.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = w.Write(file.content) // if that fails, the browser has gone
}
