// A headless Chromium that tests drive by the DevTools protocol, over a pair of pipes.

package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// browserTime is how long the browser may take for what it does at once when all is well: on a
// machine that does much else its start alone takes seconds.
var browserTime = min(patience, 60*time.Second)

// browser is a tab.
type browser struct {
	t       *testing.T
	to      *os.File
	pipe    *os.File
	from    *bufio.Reader // of pipe
	session string
	id      int
	events  []browserEvent // what the tab did since it was opened
}

// browserEvent is something that the browser tells by itself.
type browserEvent struct {
	Method string
	Params json.RawMessage
}

// pageClock has the timers of a page wait until a test lets time pass: pass(ms) runs what is due,
// one after the other, and waits before each until the page has set its next timer, or has come to
// rest.
const pageClock = `(() => {
	const [real, stop] = [setTimeout.bind(window), clearTimeout.bind(window)];
	let [now, id, due] = [performance.now(), 1e9, []];
	performance.now = () => now;
	window.setTimeout = (f, ms) => {
		if (!(ms >= 1000)) return real(f, ms);
		due.push({ id: ++id, at: now + ms, f });
		return id;
	};
	window.clearTimeout = (which) => { due = due.filter((t) => t.id !== which); stop(which); };
	let pending = 0; // answers, and pieces of them, that the page waits for
	const counted = (f) => async function (...args) {
		pending++;
		try { return await f.apply(this, args); } finally { pending--; }
	};
	window.fetch = counted(fetch.bind(window));
	const reader = ReadableStreamDefaultReader.prototype;
	reader.read = counted(reader.read);
	window.pass = async (ms) => {
		for (const end = now + ms; ;) {
			for (let rest = 0; due.length === 0 && rest < 20; rest++) {
				await new Promise((done) => real(done, 10));
				if (pending > 0) rest = 0;
			}
			const next = due.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
			if (!next) { now = end; return; }
			now = next.at;
			due = due.filter((t) => t !== next);
			next.f();
		}
	};
})()`

// openBrowser starts a browser with an empty tab. It resolves no name, so that it reaches nothing
// but addresses of this machine.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("chromium is not installed; .ci/run installs it")
	}
	in, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu",
		"--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--no-first-run", "--no-proxy-server", "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{in, out} // 3 and 4 of the browser
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = in.Close(), out.Close()
	b := &browser{t: t, to: to, pipe: from, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		_ = b.send("Browser.close", nil, nil)
		_, _ = to.Close(), from.Close()
		end := time.AfterFunc(browserTime, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		end.Stop()
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true},
		&attached)
	b.session = attached.SessionID
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": pageClock}, nil)
	for _, domain := range []string{"Page", "Runtime", "Network", "Log", "Accessibility"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command that works.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	if err := b.send(method, params, result); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

// send sends a command, and reads its result. Events that come before it are kept.
func (b *browser) send(method string, params, result any) error {
	b.id++
	if params == nil {
		params = struct{}{}
	}
	message := map[string]any{"id": b.id, "method": method, "params": params}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if _, err := b.to.Write(append(text, 0)); err != nil {
		return err
	}
	_ = b.pipe.SetReadDeadline(time.Now().Add(2 * browserTime))
	for {
		text, err := b.from.ReadBytes(0)
		if err != nil {
			return err
		}
		var m struct {
			browserEvent
			ID     int
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
			return err
		}
		switch {
		case m.ID == 0:
			b.events = append(b.events, m.browserEvent)
		case m.ID != b.id:
		case m.Error != nil:
			return fmt.Errorf("%s", m.Error.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(m.Result, result)
		}
	}
}

// open has the tab show a page, and waits until its scripts have run.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until(fmt.Sprintf("location.href.startsWith(%q) && document.readyState === 'complete'", url))
}

// value returns what an expression of JavaScript is, as text.
func (b *browser) value(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true,
		"returnByValue": true, "userGesture": true}, &r)
	if e := r.ExceptionDetails; e != nil {
		b.t.Fatalf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	return fmt.Sprint(r.Result.Value)
}

// until waits until an expression is true.
func (b *browser) until(expression string) {
	b.t.Helper()
	const script = `new Promise((done) => {
		const end = Date.now() + %d;
		const look = () => { const is = !!(%s);
			if (is || Date.now() > end) done(is); else setTimeout(look, 20); };
		look();
	})`
	if b.value(fmt.Sprintf(script, browserTime.Milliseconds(), expression)) != "true" {
		b.t.Fatalf("never: %s; the page says:\n%.500s", expression,
			b.value("document.body.innerText"))
	}
}

// text returns the text of the first element of a selector, as people see it.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return b.value(fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// press presses and releases a key.
func (b *browser) press(key string, code int) {
	b.t.Helper()
	p := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code}
	if key == "Enter" {
		p["text"] = "\r"
	}
	b.call("Input.dispatchKeyEvent", p, nil)
	p["type"] = "keyUp"
	b.call("Input.dispatchKeyEvent", p, nil)
}

// write types a text into what has the focus.
func (b *browser) write(text string) {
	b.t.Helper()
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// look has the page be shown in a colour scheme, in a window of a size.
func (b *browser) look(scheme string, width, height int) {
	b.t.Helper()
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{
		"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height,
		"deviceScaleFactor": 1, "mobile": width < 500}, nil)
}

// picture returns the page, or what fits into the window, as a PNG file.
func (b *browser) picture(whole bool) []byte {
	b.t.Helper()
	var r struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png",
		"captureBeyondViewport": whole}, &r)
	png, err := base64.StdEncoding.DecodeString(r.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	return png
}

// told returns the events of a kind so far.
func (b *browser) told(method string) (list []browserEvent) {
	for _, e := range b.events {
		if e.Method == method {
			list = append(list, e)
		}
	}
	return list
}
