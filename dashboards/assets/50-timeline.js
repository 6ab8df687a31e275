/* One time axis: milestones above, traces and their spans below, all in the same window of time.

   suture.timeline.show(element, data) draws. All times in `data` are milliseconds after data.base:
     range       [from, to] of everything
     milestones  [[at, title, tone, outcome, system, reason]]   in order
     marks       [[at, title, tone]]                            deadlines
     traces      [[id, title, from, to, spans, errors]]         by start
     services    [name]
     spans       [[trace, id, depth, name, service, at, took, failed, kind]]   by trace, in tree order
   How its parts are drawn stands in 52-timeline-parts.js.
   The window and the open trace stand in the address (zoom, trace), so that a view can be shared. */
(function () {
  'use strict';
  var MIN = 60000;
  var SVG = 'http://www.w3.org/2000/svg';
  var ruler = document.createElement('canvas').getContext('2d');
  var views = new WeakMap();

  function wide(text, bold) {
    ruler.font = (bold ? '550 ' : '') + '11.5px ' + getComputedStyle(document.body).fontFamily;
    return ruler.measureText(text).width;
  }
  function svg(name, attributes, text) {
    var node = document.createElementNS(SVG, name);
    Object.keys(attributes || {}).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function html(name, className, text) {
    var node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }
  function clock(options) { return new Intl.DateTimeFormat(undefined, options); }
  var FORMATS = {
    year: clock({year: 'numeric'}), month: clock({month: 'short', year: 'numeric'}), day: clock({day: 'numeric', month: 'short'}),
    minute: clock({hour: 'numeric', minute: '2-digit'}), second: clock({hour: '2-digit', minute: '2-digit', second: '2-digit'}),
    full: clock({day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit'}),
    split: clock({day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3})
  };

  function View(element) {
    this.root = element;
    element.textContent = '';
    element.tabIndex = 0;
    element.setAttribute('role', 'application');
    element.setAttribute('aria-label', 'Timeline. Arrow keys move, plus and minus zoom, zero shows everything.');
    this.bar = element.appendChild(html('div', 'tl-bar'));
    this.mini = element.appendChild(html('div', 'tl-mini'));
    this.axis = element.appendChild(html('div', 'tl-axis'));
    this.miles = element.appendChild(html('div', 'tl-miles'));
    this.rows = element.appendChild(html('div', 'tl-rows'));
    this.space = this.rows.appendChild(html('div', 'tl-space'));
    this.foot = element.appendChild(html('div', 'tl-foot'));
    this.tip = null;
    this.window = null;
    this.opened = null;
    this.picked = null;
    this.listen();
  }

  View.prototype.take = function (data) {
    var first = !this.data;
    this.data = data;
    this.whole = [data.range[0], Math.max(data.range[1], data.range[0] + .001)];
    this.ofTrace = data.traces.map(function () { return []; });
    data.spans.forEach(function (span, i) { this.ofTrace[span[0]].push(i); }, this);
    if (first) this.recall();
    this.draw();
  };
  /* Where the address says we were; a trace alone is always open. */
  View.prototype.recall = function () {
    var query = new URLSearchParams(window.location.search), ids = this.data.traces.map(function (t) { return t[0]; });
    var open = ids.indexOf(query.get('trace'));
    var zoom = (query.get('zoom') || '').split('~').map(Number);
    this.picked = query.get('span');
    if (this.data.single && ids.length) this.opened = 0;
    else if (open >= 0) { this.opened = open; this.window = this.around(open); }
    if (zoom.length === 2 && zoom[1] > zoom[0]) this.window = zoom;
  };
  View.prototype.remember = function () {
    var query = new URLSearchParams(window.location.search);
    var set = function (name, value) { if (value) query.set(name, value); else query.delete(name); };
    var id = this.opened === null || this.data.single ? null : this.data.traces[this.opened][0];
    var home = id && this.window ? this.around(this.opened) : null;
    var plain = home && home[0] === this.window[0] && home[1] === this.window[1];
    set('trace', id);
    set('zoom', this.window && !plain ? this.window.map(function (t) { return +t.toFixed(4); }).join('~') : null);
    var text = query.toString();
    window.history.replaceState(window.history.state, '', window.location.pathname + (text ? '?' + text : ''));
  };
  View.prototype.around = function (trace) {
    var t = this.data.traces[trace], room = Math.max((t[3] - t[2]) * .05, .02);
    return [t[2] - room, t[3] + room];
  };
  View.prototype.look = function (window_) {
    var least = .002, whole = this.whole, span = window_ ? Math.max(window_[1] - window_[0], least) : 0;
    if (!window_ || span >= whole[1] - whole[0]) this.window = null;
    else {
      var from = Math.min(Math.max(window_[0], whole[0] - span * .1), whole[1] + span * .1 - span);
      this.window = [from, from + span];
    }
    this.remember();
    this.draw();
  };
  View.prototype.zoom = function (factor, at) {
    var w = this.seen(), middle = at === undefined ? (w[0] + w[1]) / 2 : at;
    this.look([middle - (middle - w[0]) * factor, middle + (w[1] - middle) * factor]);
  };
  View.prototype.pan = function (share) {
    var w = this.seen(), by = (w[1] - w[0]) * share;
    if (this.window) this.look([w[0] + by, w[1] + by]);
  };
  View.prototype.toggle = function (trace) {
    if (this.data.single) return this.look(null);
    var open = this.opened === trace;
    this.opened = open ? null : trace;
    this.look(open ? null : this.around(trace));
  };
  View.prototype.pick = function (index) {
    var span = this.data.spans[index];
    this.picked = span[1];
    window.dash_clientside.set_props('span-picked', {data: {trace: this.data.traces[span[0]][0], span: span[1]}});
    this.drawRows();
  };
  /* The window that is drawn: everything has a little air on its sides. */
  View.prototype.seen = function () {
    if (this.window) return this.window;
    var air = (this.whole[1] - this.whole[0]) * .015;
    return [this.whole[0] - air, this.whole[1] + air];
  };

  View.prototype.draw = function () {
    this.width = this.rows.clientWidth || this.root.clientWidth;
    // Not laid out yet: the observer of its size calls again.
    if (this.width < 80) return;
    this.narrow = this.width < 640;
    this.gutter = this.narrow ? 0 : Math.min(320, Math.round(this.width * .27));
    this.left = this.narrow ? 14 : this.gutter;
    this.right = this.width - (this.narrow ? 14 : 24);
    var w = this.seen(), left = this.left, scale = (this.right - left) / (w[1] - w[0]);
    this.x = function (t) { return left + (t - w[0]) * scale; };
    this.t = function (x) { return w[0] + (x - left) / scale; };
    this.hideTip();
    this.drawBar(); this.drawMini(); this.drawAxis(); this.drawMiles(); this.drawRows(); this.drawFoot();
  };
  View.prototype.stamp = function (t, format) { return FORMATS[format].format(new Date(this.data.base + t)); };

  View.prototype.drawBar = function () {
    var self = this, w = this.window || this.whole, span = w[1] - w[0];
    this.bar.textContent = '';
    var range = this.bar.appendChild(html('div', 'tl-range'));
    range.appendChild(html('strong', '', window.suture.duration(span / 1000)));
    var format = span < 10 * MIN ? 'split' : 'full';
    range.appendChild(document.createTextNode(' · ' + this.stamp(w[0], format) + ' – ' + this.stamp(w[1], format)));
    var add = function (text, label, square, does, off) {
      var button = self.bar.appendChild(html('button', 'button' + (square ? ' square' : ''), text));
      button.type = 'button';
      button.setAttribute('aria-label', label);
      if (off) button.setAttribute('aria-disabled', 'true');
      button.addEventListener('click', does);
      return button;
    };
    add('−', 'Zoom out', true, function () { self.zoom(2); }, !this.window).classList.add('push');
    add('+', 'Zoom in', true, function () { self.zoom(.5); });
    add(this.data.single ? 'Whole trace' : 'Whole instance', 'Show everything', false, function () {
      if (!self.data.single) self.opened = null;
      self.look(null);
    }, !this.window && (this.data.single || this.opened === null));
  };

  /* Tips */
  View.prototype.showTip = function (event, title, lines) {
    this.hideTip();
    var box = this.root.getBoundingClientRect(), tip = html('div', 'tl-tip');
    tip.appendChild(html('b', '', title));
    lines.forEach(function (line) { if (line) tip.appendChild(html('span', '', line)); });
    this.tip = this.root.appendChild(tip);
    var x = Math.min(event.clientX - box.left + 14, this.width - tip.offsetWidth - 8);
    tip.style.left = Math.max(8, x) + 'px';
    tip.style.top = event.clientY - box.top + 18 + 'px';
  };
  View.prototype.hideTip = function () { if (this.tip) { this.tip.remove(); this.tip = null; } };
  View.prototype.tipMile = function (event, m) { this.showTip(event, m[1], [this.stamp(m[0], 'full'), m[4], m[3], m[5]]); };
  View.prototype.tipSpan = function (event, span) {
    this.showTip(event, span[3], [this.data.services[span[4]] + (span[8] ? ' · ' + span[8].toLowerCase() : ''),
      window.suture.duration(span[6] / 1000) + ', from ' + this.stamp(span[5], 'split'), span[7] ? 'ended in an error' : '']);
  };

  /* Hands */
  View.prototype.listen = function () {
    var self = this, waiting = false;
    var later = function (what) {
      return function () {
        if (waiting) return;
        waiting = true;
        requestAnimationFrame(function () { waiting = false; if (self.data) self[what](); });
      };
    };
    this.rows.addEventListener('scroll', later('drawRows'));
    new ResizeObserver(later('draw')).observe(this.root);
    this.brush(this.mini, function (px) { return self.miniTime(px); });
    this.brush(this.axis, function (px) { return self.t(px); });
    this.brush(this.miles, function (px) { return self.t(px); });
    this.root.addEventListener('wheel', function (event) {
      if (event.ctrlKey) self.zoom(event.deltaY > 0 ? 1.25 : .8, self.t(event.clientX - self.root.getBoundingClientRect().left));
      else if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) self.pan(event.deltaX / self.width);
      else return;
      event.preventDefault();
    }, {passive: false});
    this.root.addEventListener('keydown', function (event) {
      var does = {ArrowLeft: ['pan', -.2], ArrowRight: ['pan', .2], '+': ['zoom', .5], '=': ['zoom', .5], '-': ['zoom', 2], '0': ['look', null]}[event.key];
      if (!does || event.metaKey || event.ctrlKey) return;
      self[does[0]](does[1]);
      event.preventDefault();
    });
  };
  View.prototype.brush = function (area, time) {
    var self = this, start = null, rect = null;
    var at = function (event) { return event.clientX - area.getBoundingClientRect().left; };
    area.addEventListener('pointerdown', function (event) {
      if (event.button || !area.firstChild) return;
      start = at(event);
      area.setPointerCapture(event.pointerId);
      rect = area.firstChild.appendChild(svg('rect', {x: start, y: 0, width: 0, height: '100%', 'class': 'tl-brush'}));
    });
    area.addEventListener('pointermove', function (event) {
      if (start === null) return;
      var x = at(event);
      rect.setAttribute('x', Math.min(x, start));
      rect.setAttribute('width', Math.abs(x - start));
    });
    var end = function (event) {
      if (start === null) return;
      var from = start, to = at(event);
      start = null;
      rect.remove();
      if (event.type === 'pointerup' && Math.abs(to - from) > 5) self.look([time(Math.min(from, to)), time(Math.max(from, to))]);
    };
    area.addEventListener('pointerup', end);
    area.addEventListener('pointercancel', end);
    area.addEventListener('dblclick', function () { self.look(null); });
  };

  window.suture.timeline = {
    View: View, svg: svg, html: html, wide: wide,
    show: function (element, data) {
      if (!element) return;
      var view = views.get(element);
      if (!view || view.of !== data.of) {
        view = new View(element);
        view.of = data.of;
        views.set(element, view);
      }
      view.take(data);
    }
  };
})();
