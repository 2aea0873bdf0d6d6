// The arguments of an operation as the API gets them: a JSON object, or the query of a URL.

package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseBody reads the arguments of an operation from a JSON object: strictly, as whoever misspells
// an argument has to know. An empty body has none.
func (o *Operation) parseBody(body []byte) (map[string]string, error) {
	args := map[string]string{}
	if len(bytes.TrimSpace(body)) == 0 {
		return args, nil
	}
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8 (RFC 8259, section 8.1)")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("the body is not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("the body is not JSON: %w", err)
		}
		name := t.(string) // the decoder accepts nothing else as a name
		p := o.param(name)
		if p == nil {
			return nil, o.unknown(name)
		}
		if _, twice := args[name]; twice { // RFC 8259, section 4: what counts is not defined
			return nil, fmt.Errorf("%s is there twice", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, fmt.Errorf("the body is not JSON: %w", err)
		}
		if args[name], err = p.parse(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return args, nil
}

// parse reads the value of an argument.
func (p *Param) parse(raw json.RawMessage) (string, error) {
	var err error
	switch p.Kind {
	case Integer:
		var n int64
		err = json.Unmarshal(raw, &n)
		if err == nil && !bytes.Equal(raw, []byte("null")) {
			return strconv.FormatInt(n, 10), nil
		}
		return "", errors.New("it is not a whole number")
	case Boolean:
		if t := string(raw); t == "true" || t == "false" {
			return t, nil
		}
		return "", errors.New("it is neither true nor false")
	case List:
		var list []string
		if err = json.Unmarshal(raw, &list); err != nil || list == nil {
			return "", errors.New("it is not a list of texts")
		}
		for _, item := range list {
			if item == "" || strings.Contains(item, ",") {
				return "", fmt.Errorf("item %.64q is empty, or has a comma", item)
			}
		}
		return strings.Join(list, ","), nil
	case Map:
		m, err := ParseMap(string(raw))
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(m)
		return string(text), err
	}
	if raw[0] != '"' {
		return "", errors.New("it is not text")
	}
	var text string
	err = json.Unmarshal(raw, &text)
	return text, err
}

// parseQuery reads the arguments of an operation from the query of a URL. A list has an item for
// each time that its name is there.
func (o *Operation) parseQuery(query string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("the query of the URL: %w", err)
	}
	args := map[string]string{}
	for name, list := range values {
		p := o.param(name)
		switch {
		case p == nil:
			return nil, o.unknown(name)
		case len(list) > 1 && p.Kind != List:
			return nil, fmt.Errorf("%s is there twice", name)
		}
		args[name] = strings.Join(list, ",")
	}
	return args, nil
}
