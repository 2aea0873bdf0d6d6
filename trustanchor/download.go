// Downloading the root's trust anchors.

package trustanchor

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// publishedAt is where IANA publishes the root's trust anchors (RFC 9718, section 3).
const publishedAt = "https://data.iana.org/root-anchors/root-anchors.xml"

// Download fetches the document at a URL and its signature beside it, whose name ends in .p7s
// instead of .xml, and returns the document if its signature is valid and some anchor in it is.
// What protects is the signature, and not the connection.
func Download(ctx context.Context, client *http.Client, url string, roots *x509.CertPool,
	at time.Time) ([]byte, error) {
	document, err := get(ctx, client, url)
	if err != nil {
		return nil, err
	}
	signature, err := get(ctx, client, signatureOf(url))
	if err != nil {
		return nil, err
	}
	if err := verifyPublished(document, signature, roots, at); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	all, err := ReadPublished(document)
	if err == nil {
		_, err = InUse(all, at)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return document, nil
}

// signatureOf returns the URL of the signature of a document.
func signatureOf(url string) string { return strings.TrimSuffix(url, ".xml") + ".p7s" }

// get fetches a file of limited size.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxDownload)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("%s has more than %d octets", url, maxDocument)
	}
	return b, nil
}
