/* What all pages share: the colour scheme, times that keep themselves up to date, and the callbacks
   that run in the browser. No framework, no network. */
(function () {
  'use strict';
  var suture = window.suture = {};
  var SCHEME = 'suture-scheme';
  var darkness = window.matchMedia('(prefers-color-scheme: dark)');

  /* Colour scheme: the system's, unless somebody chose one; the choice is remembered here. */
  suture.choice = function () {
    try { return localStorage.getItem(SCHEME) || 'system'; } catch (error) { return 'system'; }
  };
  suture.scheme = function () {
    var choice = suture.choice();
    return choice === 'system' ? (darkness.matches ? 'dark' : 'light') : choice;
  };
  function choose(choice) {
    try { localStorage.setItem(SCHEME, choice); } catch (error) { /* private mode: for this page only */ }
  }
  document.documentElement.setAttribute('data-mantine-color-scheme', suture.scheme());
  darkness.addEventListener('change', function () {
    if (window.dash_clientside.set_props) {
      window.dash_clientside.set_props('theme', {forceColorScheme: suture.scheme()});
    }
  });

  /* Durations: the two largest units, with separators, as the server words them. */
  var thousands = new Intl.NumberFormat('en');
  var UNITS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  suture.duration = function (seconds) {
    if (seconds === null || seconds === undefined || isNaN(seconds)) return '–';
    var total = Math.abs(seconds), sign = seconds < 0 ? '−' : '';
    if (total < 0.001) return total === 0 ? '0 s' : sign + +(total * 1e6).toPrecision(3) + ' µs';
    if (total < 1) return sign + +(total * 1000).toPrecision(3) + ' ms';
    if (total < 60) return sign + +total.toPrecision(3) + ' s';
    var whole = Math.round(total), parts = [];
    for (var i = 0; i < UNITS.length && parts.length < 2; i++) {
      var count = Math.floor(whole / UNITS[i][0]);
      whole -= count * UNITS[i][0];
      if (count) parts.push(thousands.format(count) + ' ' + UNITS[i][1]); else if (parts.length) break;
    }
    return sign + parts.join(' ');
  };
  suture.ago = function (then, now) {
    var seconds = (now - then) / 1000, past = seconds >= 0, span = Math.abs(seconds);
    if (span < 5) return 'just now';
    var text = span < 60 ? Math.round(span) + ' s'
      : span < 3600 ? Math.round(span / 60) + ' min'
      : span < 36 * 3600 ? Math.round(span / 3600) + ' h'
      : span < 60 * 86400 ? Math.round(span / 86400) + ' d' : null;
    if (text === null) return day.format(then);
    return past ? text + ' ago' : 'in ' + text;
  };
  var day = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium'});
  var minute = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short'});
  var exact = new Intl.DateTimeFormat(undefined, {
    year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
    timeZoneName: 'short'
  });
  suture.exact = function (then) { return exact.format(then); };
  /* A sentence of the server with its instants, which it gives in UTC, as all others are shown. */
  suture.told = function (text) {
    return text && text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?) UTC\b/g, function (found, date, time) {
      var then = new Date(date + 'T' + time + 'Z');
      return isNaN(then) ? found : minute.format(then);
    });
  };

  /* Which zone that is stands once on every page. */
  var ZONE = 'Times are in this browser’s zone, ' + exact.resolvedOptions().timeZone.replace(/_/g, ' ') + '.';
  function sayZone() {
    var place = document.getElementById('zone');
    if (place && place.textContent !== ZONE) place.textContent = ZONE;
  }

  /* <time data-show="at|ago|since|left" datetime="…">: the text is ours, so it can go on by itself. */
  function show(element, now) {
    var then = new Date(element.getAttribute('datetime'));
    if (isNaN(then)) return;
    var kind = element.dataset.show;
    var text = kind === 'at' ? minute.format(then)
      : kind === 'since' ? suture.duration(Math.max(0, Math.floor((now - then) / 1000)))
      : kind === 'left' ? (then > now ? 'in ' + suture.duration(Math.ceil((then - now) / 1000))
        : suture.duration(Math.floor((now - then) / 1000)) + ' ago')
      : suture.ago(then, now);
    if (element.textContent !== text) element.textContent = text;
    var title = exact.format(then);
    if (element.title !== title) element.title = title;
  }
  function showAll(root) {
    var now = new Date();
    if (root.matches && root.matches('time[data-show]')) show(root, now);
    if (root.querySelectorAll) root.querySelectorAll('time[data-show]').forEach(function (e) { show(e, now); });
  }
  suture.time = function (iso, kind) {
    return window.React.createElement('time', {dateTime: iso, 'data-show': kind || 'ago'});
  };
  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      if (change.type === 'attributes') showAll(change.target);
      change.addedNodes.forEach(showAll);
    });
    sayZone();
  }).observe(document.documentElement, {
    subtree: true, childList: true, attributes: true, attributeFilter: ['datetime', 'data-show']
  });
  setInterval(function () { if (!document.hidden) showAll(document); }, 1000);

  /* Go to a page of ours without loading the document again. */
  suture.go = function (href) {
    window.history.pushState({}, '', href);
    window.dispatchEvent(new CustomEvent('_dashprivate_pushstate'));
    window.scrollTo(0, 0);
  };
  suture.follow = function (href) {
    return function (event) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button) return;
      event.preventDefault();
      suture.go(href);
    };
  };

  /* On a phone the filters are folded away behind a button. */
  document.addEventListener('click', function (event) {
    var button = event.target.closest && event.target.closest('.fold');
    if (!button) return;
    var open = button.nextElementSibling.classList.toggle('open');
    button.setAttribute('aria-expanded', String(open));
  });

  /* Callbacks that run in the browser. */
  var same = function () { return window.dash_clientside.no_update; };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {suture: {
    /* Filters to address: what is at its default, or empty, is not written. */
    filter: function (values, ids, search) {
      var query = new URLSearchParams(search || ''), changed = false, process = query.get('process');
      ids.forEach(function (id, i) {
        var value = values[i] === null || values[i] === undefined ? '' : String(values[i]).trim();
        if (value === id.usual) value = '';
        if ((query.get(id.name) || '') === value) return;
        changed = true;
        if (value) query.set(id.name, value); else query.delete(id.name);
        if (id.name === 'period') { query.delete('from'); query.delete('to'); }
        if (id.name === 'process' && process !== value) {
          Array.from(query.keys()).forEach(function (key) { if (key.indexOf('facet.') === 0) query.delete(key); });
        }
      });
      if (!changed) return same();
      query.delete('page');
      var text = query.toString().replace(/\+/g, '%20');
      return text ? '?' + text : '';
    },
    /* A new address is a new page to read from its top and its name. */
    title: function (title) { document.title = title; },
    scheme: function () {
      var chosen = window.dash_clientside.callback_context.triggered_id;
      if (chosen) choose(chosen.replace('scheme-', ''));
      return [suture.scheme(), suture.choice()];
    },
    /* What was pressed, kept where nothing is drawn anew: an answer that is under way counts no more
       once the page that asked is drawn again, and it is whenever there is something new to see. */
    pressed: function () {
      var what = window.dash_clientside.callback_context.triggered[0];
      if (!what || !what.value) return same();
      var id = what.prop_id.slice(0, what.prop_id.lastIndexOf('.'));
      return {on: JSON.parse(id), value: what.value, at: Date.now()};
    },
    tick: function () { return document.hidden ? same() : Date.now(); },
    /* What was read anew counts only where its reader still is. */
    fresh: function (fresh, pathname, search) {
      if (!fresh || fresh.place !== (pathname || '') + (search || '')) return same();
      return fresh.live;
    },
    timeline: function (data) {
      if (data) suture.timeline.show(document.getElementById('timeline'), data);
      return 'tl';
    },
    processMap: function (data) {
      if (data) suture.processMap.show(document.getElementById('process-map'), data);
      return 'pm';
    }
  }});
})();
