/* The process map: milestones as boxes in layers, lines between them. Places come from the server as
   layer (along the process) and lane (across it); here they become pixels: layers run to the right where
   there is room, and downwards on a phone.

   suture.processMap.show(element, data) draws.
     nodes  [{layer, lane, kind, title, count, attempts, share, facts: [[name, value]]}]
     lines  [{from, to, between: [[layer, lane]], weight, label, heat, title, facts}] */
(function () {
  'use strict';
  var SVG = 'http://www.w3.org/2000/svg';
  var WIDE = {along: 116, across: 78, gap: 50, lane: 98, end: 30};
  var TALL = {along: 58, across: 148, gap: 52, lane: 164, end: 30};
  var drawn = new WeakMap();

  function svg(name, attributes, parent) {
    var node = document.createElementNS(SVG, name);
    Object.keys(attributes || {}).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    return parent ? parent.appendChild(node) : node;
  }
  function html(name, className, text) {
    var node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function Drawing(root, data) {
    this.root = root;
    this.data = data;
    this.down = root.clientWidth < 700;
    this.size = this.down ? TALL : WIDE;
    this.measure();
    root.textContent = '';
    root.classList.toggle('down', this.down);
    this.frame = root.appendChild(html('div', 'pm-scroll'));
    this.plane = this.frame.appendChild(html('div', 'pm-plane'));
    this.paint = this.plane.appendChild(svg('svg', {width: this.width, height: this.height, 'aria-hidden': 'true'}));
    this.plane.style.width = this.width + 'px';
    this.plane.style.height = this.height + 'px';
    this.tip = root.appendChild(html('div', 'pm-tip'));
    this.tip.setAttribute('role', 'status');
    this.ports();
    this.boxes = [];
    this.lines = data.lines.map(this.line, this);
    this.nodes = data.nodes.map(this.node, this);
    this.labels();
    this.fit();
  }

  /* Middles of layers and lanes. Layers that hold only a start or an end are narrow. */
  Drawing.prototype.measure = function () {
    var size = this.size, nodes = this.data.nodes, layers = [], at = 14, low = 0, high = 0;
    function reach(lane, before, after) {
      low = Math.min(low, lane * size.lane - before);
      high = Math.max(high, lane * size.lane + after);
    }
    nodes.forEach(function (node) {
      var extent = node.kind === 'milestone' ? size.along : size.end, half = node.kind === 'milestone' ? size.across / 2 : size.end / 2;
      layers[node.layer] = Math.max(layers[node.layer] || 0, extent);
      reach(node.lane, half, half);
    });
    this.data.lines.forEach(function (line) {
      var from = nodes[line.from], to = nodes[line.to];
      line.between.forEach(function (place) { reach(place[1], 8, 8); });
      if (from === to) reach(from.lane, size.across / 2 + 34, size.across / 2 + 34);
      else if (to.layer < from.layer && !line.between.length) {
        reach(Math.max(from.lane, to.lane), 0, size.across / 2 + 30);
        reach(Math.min(from.lane, to.lane), size.across / 2 + 30, 0);
      }
    });
    this.middle = [];
    this.extent = layers;
    for (var i = 0; i < layers.length; i++) {
      this.middle[i] = at + layers[i] / 2;
      at += layers[i] + size.gap;
    }
    this.margin = 8 - low;
    var length = at - size.gap + 14, breadth = high - low + 16;
    this.width = this.down ? breadth : length;
    this.height = this.down ? length : breadth;
  };
  Drawing.prototype.cross = function (lane) { return this.margin + lane * this.size.lane; };
  /* Along and across to x and y. */
  Drawing.prototype.xy = function (along, across) {
    return this.down ? across.toFixed(1) + ' ' + along.toFixed(1) : along.toFixed(1) + ' ' + across.toFixed(1);
  };
  Drawing.prototype.half = function (node) {
    var size = this.size;
    return node.kind === 'milestone' ? [size.along / 2, size.across / 2] : [size.end / 2, size.end / 2];
  };

  /* Where lines touch a box: spread over its side, in the order of where they come from or go to. */
  Drawing.prototype.ports = function () {
    var self = this, nodes = this.data.nodes, sides = {};
    this.port = this.data.lines.map(function () { return [0, 0]; });
    this.data.lines.forEach(function (line, i) {
      var from = nodes[line.from], to = nodes[line.to], places = line.between;
      if (to.layer <= from.layer) return;
      var next = places.length ? places[0][1] : to.lane, last = places.length ? places[places.length - 1][1] : from.lane;
      (sides['o' + line.from] = sides['o' + line.from] || []).push([next, i, 0]);
      (sides['i' + line.to] = sides['i' + line.to] || []).push([last, i, 1]);
    });
    Object.keys(sides).forEach(function (key) {
      var side = sides[key].sort(function (a, b) { return a[0] - b[0] || a[1] - b[1]; });
      var node = nodes[Number(key.slice(1))];
      var room = node.kind === 'milestone' ? self.size.across * .8 : 16;
      var step = side.length > 1 ? Math.min(13, room / 2 / (side.length - 1)) : 0;
      /* The most frequent one stays in the middle, so that it runs straight. */
      var most = side.reduce(function (best, entry, k) {
        return self.data.lines[entry[1]].weight > self.data.lines[side[best][1]].weight ? k : best;
      }, 0);
      side.forEach(function (entry, k) { self.port[entry[1]][entry[2]] = (k - most) * step; });
    });
  };

  /* The way of a line: [path, where its arrow points to, direction along, direction across]. */
  Drawing.prototype.way = function (line, i) {
    var nodes = this.data.nodes, from = nodes[line.from], to = nodes[line.to], self = this;
    var a = [this.middle[from.layer], this.cross(from.lane)], b = [this.middle[to.layer], this.cross(to.lane)];
    var ha = this.half(from), hb = this.half(to), xy = this.xy.bind(this), path, m, k;
    function point(place, side) { return [self.middle[place[0]] + side * self.extent[place[0]] / 2, self.cross(place[1])]; }
    function bend(p, q) {
      m = (p[0] + q[0]) / 2;
      return ' C' + xy(m, p[1]) + ' ' + xy(m, q[1]) + ' ' + xy(q[0], q[1]);
    }
    if (line.from === line.to) {
      k = a[0] + ha[0] - 26;
      m = a[1] - ha[1];
      if (this.down) { k = a[0]; m = a[1] + ha[1];
        return ['M' + xy(k - 10, m) + ' C' + xy(k - 16, m + 30) + ' ' + xy(k + 16, m + 30) + ' ' + xy(k + 10, m + 5), [k + 10, m], 0, -1]; }
      return ['M' + xy(k - 10, m) + ' C' + xy(k - 16, m - 30) + ' ' + xy(k + 16, m - 30) + ' ' + xy(k + 10, m - 5), [k + 10, m], 0, 1];
    }
    if (to.layer > from.layer) {
      var p = [a[0] + ha[0], a[1] + this.port[i][0]], end = [b[0] - hb[0], b[1] + this.port[i][1]], last = [end[0] - 6, end[1]];
      path = 'M' + xy(p[0], p[1]);
      line.between.forEach(function (place) {
        var enter = point(place, -1), leave = point(place, 1);
        path += bend(p, enter) + ' L' + xy(leave[0], leave[1]);
        p = leave;
      });
      return [path + bend(p, last), end, 1, 0];
    }
    if (to.layer === from.layer) {
      var right = Math.max(ha[0], hb[0]) + a[0];
      m = right + 34;
      return ['M' + xy(a[0] + ha[0], a[1]) + ' C' + xy(m, a[1]) + ' ' + xy(m, b[1]) + ' ' + xy(b[0] + hb[0] + 6, b[1]), [b[0] + hb[0], b[1]], -1, 0];
    }
    /* Backwards: out of one long side and into the other's. */
    var first = line.between[0], final = line.between[line.between.length - 1];
    if (!first) {
      /* Below, unless only above nothing is in the way, or it is the shorter way. */
      var inTheWay = function (side) {
        return nodes.some(function (node) {
          var lane = node.layer === from.layer ? from.lane : node.layer === to.layer ? to.lane : null;
          return lane !== null && (node.lane - lane) * side > .01;
        });
      };
      if (!inTheWay(-1) && (inTheWay(1) || from.lane < to.lane - .3)) {
        var high = Math.min(a[1] - ha[1], b[1] - hb[1]) - 34;
        return ['M' + xy(a[0] - 14, a[1] - ha[1]) + ' C' + xy(a[0] - 14, high) + ' ' + xy(b[0] + 14, high) + ' ' +
          xy(b[0] + 14, b[1] - hb[1] - 6), [b[0] + 14, b[1] - hb[1]], 0, 1];
      }
      var low = Math.max(a[1] + ha[1], b[1] + hb[1]) + 34;
      return ['M' + xy(a[0] - 14, a[1] + ha[1]) + ' C' + xy(a[0] - 14, low) + ' ' + xy(b[0] + 14, low) + ' ' +
        xy(b[0] + 14, b[1] + hb[1] + 6), [b[0] + 14, b[1] + hb[1]], 0, -1];
    }
    var out = point(first, 1), into = point(final, -1);
    var leaves = out[1] >= a[1] ? 1 : -1, enters = into[1] >= b[1] ? 1 : -1;
    var begin = a[1] + leaves * ha[1], stop = b[1] + enters * hb[1];
    path = 'M' + xy(a[0] - 14, begin) + ' C' + xy(a[0] - 14, out[1]) + ' ' + xy(a[0] - 14, out[1]) + ' ' + xy(out[0], out[1]);
    if (Math.abs(out[1] - a[1]) < ha[1]) path = 'M' + xy(a[0] - ha[0], out[1]) + ' L' + xy(out[0], out[1]);
    p = out;
    line.between.forEach(function (place, n) {
      var enter = point(place, 1), leave = point(place, -1);
      if (n) path += bend(p, enter);
      path += ' L' + xy(leave[0], leave[1]);
      p = leave;
    });
    if (Math.abs(p[1] - b[1]) < hb[1]) return [path + ' L' + xy(b[0] + hb[0] + 6, p[1]), [b[0] + hb[0], p[1]], -1, 0];
    path += ' C' + xy(b[0] + 14, p[1]) + ' ' + xy(b[0] + 14, p[1]) + ' ' + xy(b[0] + 14, stop + enters * 6);
    return [path, [b[0] + 14, stop], 0, -enters];
  };

  Drawing.prototype.line = function (line, i) {
    var way = this.way(line, i), thick = 1.3 + 5.2 * line.weight, self = this;
    var group = svg('g', {'class': ('pm-line ' + line.heat).trim()}, this.paint);
    var reach = 4 + thick * 1.1, side = 2.6 + thick * .75, tip = way[1], along = way[2], across = way[3];
    var base = [tip[0] - along * reach, tip[1] - across * reach];
    svg('path', {d: way[0], 'class': 'pm-touch'}, group);
    svg('path', {d: way[0], 'class': 'pm-stroke', 'stroke-width': thick.toFixed(2)}, group);
    svg('path', {'class': 'pm-tip-of', d: 'M' + this.xy(tip[0], tip[1]) + ' L' +
      this.xy(base[0] - across * side, base[1] + along * side) + ' L' + this.xy(base[0] + across * side, base[1] - along * side) + ' Z'}, group);
    group.addEventListener('pointerenter', function () { self.point(line, group); });
    group.addEventListener('pointerleave', function () { self.leave(); });
    group.addEventListener('click', function (event) { event.stopPropagation(); self.point(line, group); });
    return {group: group, way: way[0], data: line, thick: thick};
  };

  Drawing.prototype.node = function (node, i) {
    var half = this.half(node), along = this.middle[node.layer], across = this.cross(node.lane), self = this;
    var box = html('button', 'pm-node ' + node.kind);
    var x = this.down ? across : along, y = this.down ? along : across;
    var w = 2 * (this.down ? half[1] : half[0]), h = 2 * (this.down ? half[0] : half[1]);
    box.type = 'button';
    box.style.cssText = 'left:' + (x - w / 2) + 'px;top:' + (y - h / 2) + 'px;width:' + w + 'px;height:' + h + 'px;--share:' + node.share;
    this.boxes.push([x - w / 2, y - h / 2, x + w / 2, y + h / 2]);
    if (node.kind === 'milestone') {
      box.appendChild(html('span', 'pm-name', node.title));
      var foot = box.appendChild(html('span', 'pm-count', node.count));
      if (node.attempts) foot.appendChild(html('i', 'pm-attempts'));
    } else {
      box.appendChild(html('span', 'pm-sign'));
    }
    box.setAttribute('aria-label', node.title + ': ' + node.facts.map(function (f) { return f.join(' '); }).join(', '));
    function on() { self.point(node, box, i); }
    box.addEventListener('pointerenter', on);
    box.addEventListener('focus', on);
    box.addEventListener('pointerleave', function () { self.leave(); });
    box.addEventListener('blur', function () { self.leave(); });
    box.addEventListener('click', function (event) { event.stopPropagation(); on(); });
    this.plane.appendChild(box);
    return box;
  };

  /* Median times, above all lines; see 64-process-map-labels.js. */
  Drawing.prototype.labels = function () {
    var layer = svg('g', {}, this.paint), high = 13;
    this.lines.forEach(function (line) {
      line.label = svg('g', {'class': 'pm-label'}, layer);
      line.ground = svg('rect', {height: high, rx: 2}, line.label);
      line.words = svg('text', {}, line.label);
      line.words.textContent = line.data.label;
    });
    var lines = this.lines.map(function (line) {
      var width = line.data.label ? line.words.getComputedTextLength() + 5 : 0;
      return {points: window.suture.mapLabels.way(line.way), thick: line.thick, width: width};
    });
    var places = window.suture.mapLabels.place(lines, this.boxes, {width: this.width, height: this.height, label: high, down: this.down});
    this.lines.forEach(function (line, i) {
      if (!places[i]) return line.label.remove();
      line.ground.setAttribute('width', lines[i].width.toFixed(1));
      line.ground.setAttribute('x', (places[i].x - lines[i].width / 2).toFixed(1));
      line.ground.setAttribute('y', (places[i].y - high / 2).toFixed(1));
      line.words.setAttribute('x', places[i].x.toFixed(1));
      line.words.setAttribute('y', (places[i].y + 4).toFixed(1));
      line.label.classList.toggle('crowded', !places[i].free);
    });
  };

  /* As large as it is drawn where there is room, down to four fifths of that; then it scrolls. */
  Drawing.prototype.fit = function () {
    var room = this.frame.clientWidth, scale = this.down ? 1 : Math.max(.8, Math.min(1, room / this.width));
    this.plane.style.zoom = scale;
    if (this.down) this.frame.scrollLeft = Math.max(0, this.cross(this.data.nodes[0].lane) - room / 2);
    this.root.classList.toggle('narrow', this.width * scale < room);
  };

  Drawing.prototype.point = function (what, element, index) {
    var self = this;
    this.leave();
    this.pointed = {title: what.title, line: index === undefined};
    this.root.classList.add('pointed');
    element.classList.add('on');
    this.lines.forEach(function (line) {
      var near = index === undefined ? line.data === what : line.data.from === index || line.data.to === index;
      line.group.classList.toggle('on', near);
      line.label.classList.toggle('on', near);
      if (near) [line.data.from, line.data.to].forEach(function (n) { self.nodes[n].classList.add('on'); });
    });
    this.tip.textContent = '';
    this.tip.appendChild(html('strong', '', what.title));
    var facts = this.tip.appendChild(html('dl', ''));
    what.facts.forEach(function (fact) {
      facts.appendChild(html('dt', '', fact[0]));
      facts.appendChild(html('dd', '', fact[1]));
    });
    this.tip.classList.add('shown');
    var place = element.getBoundingClientRect(), root = this.root.getBoundingClientRect(), own = this.tip.getBoundingClientRect();
    var left = place.left + place.width / 2 - own.width / 2 - root.left;
    var below = place.bottom - root.top + 10, above = place.top - root.top - own.height - 10;
    if (index === undefined) below = place.top + place.height / 2 - root.top + 16;
    this.tip.style.left = Math.max(4, Math.min(left, root.width - own.width - 4)) + 'px';
    this.tip.style.top = (below + own.height > root.height && above > 0 ? above : below) + 'px';
  };
  /* What was pointed at before it was drawn anew. */
  Drawing.prototype.recall = function (pointed) {
    var same = function (one) { return one.title === pointed.title; };
    var i = pointed.line ? this.data.lines.findIndex(same) : this.data.nodes.findIndex(same);
    if (i < 0) return;
    if (pointed.line) this.point(this.data.lines[i], this.lines[i].group);
    else this.point(this.data.nodes[i], this.nodes[i], i);
  };
  Drawing.prototype.leave = function () {
    this.pointed = null;
    this.root.classList.remove('pointed');
    this.tip.classList.remove('shown');
    this.root.querySelectorAll('.on').forEach(function (node) { node.classList.remove('on'); });
  };

  window.suture.processMap = {
    show: function (root, data) {
      if (!root) return;
      var state = drawn.get(root);
      if (!state) {
        state = {};
        drawn.set(root, state);
        new ResizeObserver(function () {
          if (state.view && root.clientWidth && root.clientWidth !== state.width) state.draw();
        }).observe(root);
        root.addEventListener('click', function () { if (state.view) state.view.leave(); });
      }
      state.draw = function () {
        var scrolled = state.view ? state.view.frame.scrollLeft : null, pointed = state.view && state.view.pointed;
        state.width = root.clientWidth;
        state.view = new Drawing(root, data);
        if (scrolled) state.view.frame.scrollLeft = scrolled;
        if (pointed) state.view.recall(pointed);
      };
      state.draw();
    }
  };
})();
