// Package testkit is what tests are written with: a store in a temporary directory
// ([Store]), a whole Claviger within the test's process whose clock the test moves
// ([Server]), the real program ([Binary]), HTML asked by CSS selectors, Chromium
// ([Browser]), and the real proxies ([Nginx], [Caddy]).
//
// Nothing here imitates anything: there is no mock and no fake store. What a machine
// does not have (a browser, a proxy) skips the test, and fails it with CI=true. Nothing
// that is shipped may import this package; internal/archtest sees to that.
package testkit
