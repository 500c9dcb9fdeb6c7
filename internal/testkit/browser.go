package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// BrowserOption changes how [Browser] starts.
type BrowserOption func(*browserSettings)

type browserSettings struct {
	width, height int
	dark          bool
	scriptless    bool
	hostRules     string
	allowed       []string
}

// Size sets the window's size in CSS pixels; 1280 by 900 without it.
func Size(width, height int) BrowserOption {
	return func(s *browserSettings) { s.width, s.height = width, height }
}

// Dark makes the browser prefer the dark theme.
func Dark() BrowserOption { return func(s *browserSettings) { s.dark = true } }

// NoJavaScript makes the browser run no script of a page. The helpers of [Tab] work all the same.
func NoJavaScript() BrowserOption { return func(s *browserSettings) { s.scriptless = true } }

// HostRules resolves host names as it says, "MAP console.lan 127.0.0.1" for one: an origin that is plain http and
// not on loopback, as on somebody's LAN.
func HostRules(rules string) BrowserOption { return func(s *browserSettings) { s.hostRules = rules } }

// AllowStatus lets documents and resources be answered with these HTTP statuses, each of which Chromium reports as
// an error in its console.
func AllowStatus(statuses ...int) BrowserOption {
	return func(s *browserSettings) {
		for _, status := range statuses {
			s.allowed = append(s.allowed, fmt.Sprintf("responded with a status of %d", status))
		}
	}
}

// AllowConsole lets console messages be that contain one of the texts.
func AllowConsole(texts ...string) BrowserOption {
	return func(s *browserSettings) { s.allowed = append(s.allowed, texts...) }
}

// Tab is one tab of a real Chromium. Every helper waits until what it needs is there and fails the test if it does
// not come within 30 seconds; none needs a sleep. A helper that acts (Click, Press) does not wait for what follows:
// say what that is with WaitText, WaitURL or WaitTrue before you look at it.
type Tab struct {
	t          testing.TB
	ctx        context.Context
	settings   *browserSettings
	complaints *complaints
}

// Browser starts a Chromium with a fresh profile and returns its first tab. When the test ends, whatever any of
// its tabs reported fails it: console errors, uncaught exceptions, violations of the content security policy,
// resources that did not load. Motion is reduced, so that nothing is caught half-way.
func Browser(t testing.TB, options ...BrowserOption) *Tab {
	t.Helper()
	settings := &browserSettings{width: 1280, height: 900}
	for _, option := range options {
		option(settings)
	}
	program := Tool(t, "chromium")
	profile := profileDir(t)
	flags := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.DisableGPU, chromedp.WSURLReadTimeout(browserStart),
		chromedp.WindowSize(settings.width, settings.height),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Env("HOME="+profile, "XDG_CONFIG_HOME="+profile, "XDG_CACHE_HOME="+profile))
	if os.Geteuid() == 0 {
		flags = append(flags, chromedp.NoSandbox) // Chromium's sandbox refuses to start as root
	}
	if settings.hostRules != "" {
		flags = append(flags, chromedp.Flag("host-resolver-rules", settings.hostRules))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(stop)
	first := &Tab{t: t, settings: settings, complaints: &complaints{allowed: settings.allowed}}
	first.open(ctx, chromedp.WithErrorf(func(format string, args ...any) {
		if !strings.HasPrefix(format, "unhandled ") { // an event that is newer than chromedp
			log.Printf("chromedp: "+format, args...)
		}
	}))
	t.Cleanup(func() {
		first.flush()
		for _, complaint := range first.complaints.all() {
			t.Errorf("the browser reported: %s", complaint)
		}
	})
	return first
}

// browserStart bounds how long Chromium takes to start. Of a cold disk, while other packages' tests have both processors,
// it has taken longer than the 20 s that chromedp waits.
const browserStart = 2 * time.Minute

// profileDir is not t.TempDir: Chromium's helpers may write for a moment after it has ended.
func profileDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "claviger-browser-")
	if err != nil {
		t.Fatalf("make the profile: %v", err)
	}
	t.Cleanup(func() {
		if err := await(func() (bool, error) { return os.RemoveAll(dir) == nil, nil }); err != nil {
			t.Logf("remove the browser's profile %s: %v", dir, err)
		}
	})
	return dir
}

// NewTab opens another tab of the same browser, which shares the cookies. Allowed messages are shared too.
func (b *Tab) NewTab() *Tab {
	b.t.Helper()
	tab := &Tab{t: b.t, settings: b.settings, complaints: b.complaints}
	tab.open(b.ctx)
	return tab
}

// open makes the tab: a new browser if parent belongs to none yet, a new tab of the same one otherwise.
func (b *Tab) open(parent context.Context, options ...chromedp.ContextOption) {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	b.ctx = ctx
	b.t.Cleanup(func() {
		b.flush()
		cancel()
	})
	chromedp.ListenTarget(ctx, b.complaints.hear)
	// The first Run starts the browser, which lives as long as the context given here: no timeout.
	if err := chromedp.Run(ctx); err != nil {
		b.t.Fatalf("start Chromium: %v", err)
	}
	// A page has the focus, as if one looked at it: without it Chromium refuses the clipboard by and by.
	b.run("give the page the focus", emulation.SetFocusEmulationEnabled(true))
	b.SetSize(b.settings.width, b.settings.height)
	b.SetTheme(b.settings.dark)
	if b.settings.scriptless {
		b.run("switch scripts off", emulation.SetScriptExecutionDisabled(true))
	}
}

// flush makes sure that what the tab reported until now has been heard: events and answers come in one order.
func (b *Tab) flush() {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	_ = evaluate(ctx, "1", nil, 0) // a tab that is gone has nothing more to say
}

// run carries out the actions within the bounds of patience.
func (b *Tab) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Go opens a URL and waits until the page has loaded.
func (b *Tab) Go(address string) {
	b.t.Helper()
	b.run("open "+address, chromedp.Navigate(address))
}

// Reload loads the page again.
func (b *Tab) Reload() {
	b.t.Helper()
	b.run("reload", chromedp.Reload())
}

// URL returns the address of the page.
func (b *Tab) URL() string {
	b.t.Helper()
	var address string
	b.Eval("location.href", &address)
	return address
}

// Eval evaluates a JavaScript expression in the page, waits for it if it is a promise, and stores its value in out
// (nil: it is dropped).
func (b *Tab) Eval(js string, out any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := evaluate(ctx, js, out, 0); err != nil {
		b.t.Fatalf("evaluate %.200s: %v", js, err)
	}
}

// evaluate runs an expression in a world of the page (0: the page's own).
func evaluate(ctx context.Context, js string, out any, world runtime.ExecutionContextID) error {
	return chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		call := runtime.Evaluate(js).WithReturnByValue(true).WithAwaitPromise(true).WithUserGesture(true)
		if world != 0 {
			call = call.WithContextID(world)
		}
		result, thrown, err := call.Do(ctx)
		if err != nil {
			return err
		}
		if thrown != nil {
			return errors.New(describe(thrown))
		}
		if out == nil || result.Type == runtime.TypeUndefined {
			return nil
		}
		return json.Unmarshal([]byte(result.Value), out)
	}))
}

// element asks about the first element that matches sel until ask, a JavaScript function of the element (null if there is none), returns
// something else than null, and stores that in out. A page that is being replaced, or whose script has not run yet, is asked again:
// nobody is as fast as a test on a busy machine.
func (b *Tab) element(what, sel, ask string, out any) {
	b.t.Helper()
	js := fmt.Sprintf(`document.readyState === "complete" ? (%s)(document.querySelector(%s)) : null`, ask, quote(sel))
	ctx, cancel := context.WithTimeout(b.ctx, patience+5*time.Second)
	defer cancel()
	var last error
	err := await(func() (bool, error) {
		var answer json.RawMessage
		last = evaluate(ctx, js, &answer, 0)
		if last != nil || len(answer) == 0 || string(answer) == "null" {
			return false, nil
		}
		if out == nil {
			return true, nil
		}
		return true, json.Unmarshal(answer, out)
	})
	if err != nil {
		b.t.Fatalf("%s %s: %v (last: %v)\n%s", what, sel, err, last, b.state())
	}
}

// state describes the page for the message of a wait that was in vain.
func (b *Tab) state() string {
	var text string
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	if err := evaluate(ctx, "location.href + '\\n' + document.body.innerText.slice(0, 2000)", &text, 0); err != nil {
		return err.Error()
	}
	return "the page is " + text
}

func quote(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}

// clickable tells where to press the mouse on an element once it is there, enabled, at rest and not covered.
const clickable = `e => {
	if (!e || e.disabled) return null;
	e.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
	const box = [...e.getClientRects()].find(r => r.width > 0 && r.height > 0);
	if (!box || getComputedStyle(e).visibility !== "visible") return null;
	const x = box.left + box.width / 2, y = box.top + box.height / 2;
	const hit = document.elementFromPoint(x, y);
	if (!hit || !(e.contains(hit) || hit.contains(e) && hit.closest("label") || e.control === hit)) return null;
	return {X: x, Y: y};
}`

// Click presses the mouse in the middle of the element, as a person would, once it is visible, enabled and not covered by another.
func (b *Tab) Click(sel string) {
	b.t.Helper()
	var before, at struct{ X, Y float64 }
	b.element("click", sel, clickable, &at)
	for moved := true; moved; moved = before != at {
		before = at
		b.element("click", sel, clickable, &at)
	}
	b.run("click "+sel, chromedp.MouseClickXY(at.X, at.Y))
}

// Fill replaces what stands in a field by text, as typing does: with the focus, and with input events. A select takes an option's
// value; dates and the like take the form that their value has.
func (b *Tab) Fill(sel, text string) {
	b.t.Helper()
	var typed bool
	b.element("fill", sel, fmt.Sprintf(`e => {
	if (!e || e.disabled || e.readOnly || !e.getClientRects().length) return null;
	e.focus();
	const typed = e.localName === "textarea" ||
		e.localName === "input" && ["text", "search", "email", "password", "url", "tel", "number"].includes(e.type);
	if (typed) { e.select(); return true; }
	e.value = %s;
	e.dispatchEvent(new Event("input", {bubbles: true}));
	e.dispatchEvent(new Event("change", {bubbles: true}));
	return false;
}`, quote(text)), &typed)
	switch {
	case !typed:
	case text == "":
		b.run("empty "+sel, chromedp.KeyEvent(kb.Backspace))
	default:
		b.run("fill "+sel, input.InsertText(text))
	}
	b.element("fill", sel, fmt.Sprintf(`e => e && e.value.replace(/\r\n/g, "\n") === %s || null`,
		quote(strings.ReplaceAll(text, "\r\n", "\n"))), nil)
}

var namedKeys = map[string]string{
	"Enter": kb.Enter, "Tab": kb.Tab, "Escape": kb.Escape, "Space": " ", "Backspace": kb.Backspace, "Delete": kb.Delete,
	"ArrowUp": kb.ArrowUp, "ArrowDown": kb.ArrowDown, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight,
	"Home": kb.Home, "End": kb.End, "PageUp": kb.PageUp, "PageDown": kb.PageDown,
}

var modifierKeys = map[string]input.Modifier{
	"Shift": input.ModifierShift, "Control": input.ModifierCtrl, "Alt": input.ModifierAlt, "Meta": input.ModifierMeta,
}

// editCommands are what the platform makes of these keys; without a window there is no platform to do it.
var editCommands = map[string]string{"c": "copy", "v": "paste", "x": "cut", "a": "selectAll", "z": "undo"}

// Press presses keys one after the other: a name as in KeyboardEvent.key ("Enter", "ArrowDown"), a character, or
// either with modifiers ("Shift+Tab", "Control+c").
func (b *Tab) Press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		var modifiers input.Modifier
		name := key
		for {
			prefix, rest, found := strings.Cut(name, "+")
			modifier, known := modifierKeys[prefix]
			if !found || !known {
				break
			}
			modifiers, name = modifiers|modifier, rest
		}
		if code, ok := namedKeys[name]; ok {
			name = code
		} else if len([]rune(name)) != 1 {
			b.t.Fatalf("press %s: no such key", key)
		}
		b.run("press "+key, chromedp.KeyEvent(name, chromedp.KeyModifiers(modifiers), asShortcut(modifiers, name)))
	}
}

// asShortcut sends a key as a keyboard does, and makes one that is pressed together with Control do something instead
// of writing a letter.
func asShortcut(modifiers input.Modifier, key string) chromedp.KeyOption {
	return func(p *input.DispatchKeyEventParams) *input.DispatchKeyEventParams {
		if modifiers&input.ModifierCtrl == 0 {
			if p.Type == input.KeyDown {
				p.Type = input.KeyRawDown // as a keyboard's: a key that moved the focus is not pressed there again
			}
			return p
		}
		p.Text, p.UnmodifiedText = "", ""
		if command := editCommands[strings.ToLower(key)]; command != "" && p.Type != input.KeyUp && p.Type != input.KeyChar {
			p.Commands = []string{command}
		}
		return p
	}
}

// Text returns the text of the first element that matches sel, as it is seen, once there is one.
func (b *Tab) Text(sel string) string {
	b.t.Helper()
	var text string
	b.element("text of", sel, "e => e && (e.innerText ?? e.textContent)", &text)
	return text
}

// Value returns what stands in the first field that matches sel, once there is one.
func (b *Tab) Value(sel string) string {
	b.t.Helper()
	var value string
	b.element("value of", sel, "e => e && e.value", &value)
	return value
}

// WaitText waits until the visible text of an element that matches sel contains substring.
func (b *Tab) WaitText(sel, substring string) {
	b.t.Helper()
	b.element(fmt.Sprintf("wait for the text %q in", substring), sel, fmt.Sprintf(
		"() => [...document.querySelectorAll(%s)].some(e => (e.innerText ?? e.textContent).includes(%s)) || null",
		quote(sel), quote(substring)), nil)
}

// WaitURL waits until the address contains substring and the page there has loaded.
func (b *Tab) WaitURL(substring string) {
	b.t.Helper()
	b.WaitTrue(fmt.Sprintf("location.href.includes(%s) && document.readyState === 'complete'", quote(substring)))
}

// WaitVisible waits until an element that matches sel can be seen.
func (b *Tab) WaitVisible(sel string) {
	b.t.Helper()
	b.element("wait to see", sel, "e => e && e.checkVisibility({visibilityProperty: true}) || null", nil)
}

// WaitGone waits until the page has loaded and nothing that matches sel can be seen.
func (b *Tab) WaitGone(sel string) {
	b.t.Helper()
	b.element("wait for the end of", sel, fmt.Sprintf(`() =>
	![...document.querySelectorAll(%s)].some(e => e.checkVisibility({visibilityProperty: true})) || null`, quote(sel)), nil)
}

// WaitTrue waits until a JavaScript expression is true.
func (b *Tab) WaitTrue(js string) {
	b.t.Helper()
	b.element("wait for "+js+" on", ":root", fmt.Sprintf("() => (%s) ? true : null", js), nil)
}

// SetSize gives the page a viewport of that many CSS pixels, also narrower than a window can be.
func (b *Tab) SetSize(width, height int) {
	b.t.Helper()
	b.run("set the size", chromedp.EmulateViewport(int64(width), int64(height)))
}

// SetTheme makes the browser prefer the dark theme or the light one.
func (b *Tab) SetTheme(dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.run("set the theme", emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}))
}

// Screenshot writes a PNG of what is in view, or of the full page, once the fonts are there.
func (b *Tab) Screenshot(path string, full bool) {
	b.t.Helper()
	if !b.settings.scriptless { // with scripts off a promise is never settled
		b.Eval("document.fonts.ready.then(() => true)", nil)
	}
	var picture []byte
	capture := chromedp.CaptureScreenshot(&picture)
	if full {
		capture = chromedp.FullScreenshot(&picture, 100)
	}
	b.run("take a picture", capture)
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		b.t.Fatalf("write the picture: %v", err)
	}
}

// Front brings the tab to the front of its browser, which lets only that one run its timers in time.
func (b *Tab) Front() {
	b.t.Helper()
	b.run("bring to the front", page.BringToFront())
}

// Clipboard returns the text in the clipboard. Browsers give it only to pages of https or loopback: from another
// one, open a page of loopback in a [Tab.NewTab] and ask there.
func (b *Tab) Clipboard() string {
	b.t.Helper()
	address, err := url.Parse(b.URL())
	if err != nil {
		b.t.Fatalf("clipboard: %v", err)
	}
	b.run("permit reading the clipboard", page.BringToFront(), emulation.SetFocusEmulationEnabled(true), chromedp.ActionFunc(func(ctx context.Context) error {
		return browser.SetPermission(&browser.PermissionDescriptor{Name: "clipboard-read"}, browser.PermissionSettingGranted).
			WithOrigin(address.Scheme + "://" + address.Host).
			Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
	var text string
	b.Eval("navigator.clipboard.readText()", &text)
	return text
}
