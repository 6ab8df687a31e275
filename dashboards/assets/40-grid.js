/* Cells of the tables, and what a table does on a phone: its columns give way to one of cards. */
(function () {
  'use strict';
  var cells = window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {};
  var functions = window.dashAgGridFunctions = window.dashAgGridFunctions || {};
  var h = function () { return window.React.createElement.apply(null, arguments); };
  var NARROW = 700;

  function pill(label, key) {
    return label ? h('span', {key: key, className: 'pill tone-' + label[1]}, label[0]) : null;
  }
  function link(href, text, className) {
    if (!href) return h('span', {key: 'a', className: className}, text);
    return h('a', {key: 'a', href: href, className: className, onClick: window.suture.follow(href), title: text}, text);
  }
  /* {text, href, sub, more}; `more` is for where its own column has no room */
  cells.SutureName = function (p) {
    var v = p.value;
    if (!v) return null;
    var sub = window.suture.told(v.sub);
    return h('div', {className: 'cell-two' + (p.wrap ? ' wraps' : '')}, link(v.href, v.text, 'cell-main'),
      sub ? h('span', {key: 's', className: 'cell-sub', title: sub}, sub) : null,
      v.more ? h('span', {key: 'm', className: 'cell-sub cell-more'}, v.more) : null);
  };
  cells.SuturePill = function (p) { return pill(p.value); };
  cells.SutureTime = function (p) { return p.value ? window.suture.time(p.value, p.show || 'ago') : null; };
  /* An instant by its age, and when that was. */
  cells.SutureInstant = function (p) {
    if (!p.value) return null;
    return h('div', {className: 'cell-two wraps'}, h('span', {key: 'a'}, window.suture.time(p.value, 'ago')),
      h('span', {key: 's', className: 'cell-sub'}, window.suture.time(p.value, 'at')));
  };
  /* {kind, text, sub}: what time went to, and in which step */
  cells.SutureCause = function (p) {
    var v = p.value;
    if (!v) return h('span', {className: 'faint'}, '–');
    return h('div', {className: 'cell-two wraps'},
      h('span', {key: 'c', className: 'cell-cause'}, h('i', {className: 'cause-dot cause-' + v.kind}), v.text),
      h('span', {key: 's', className: 'cell-sub', title: v.sub}, v.sub));
  };
  /* {seconds} of what is over, {since} of what runs */
  cells.SutureDuration = function (p) {
    var v = p.value;
    if (!v) return null;
    return v.since ? window.suture.time(v.since, 'since') : h('span', {className: 'num'}, window.suture.duration(v.seconds));
  };
  cells.SutureText = function (p) {
    return h('span', {className: 'cell-wrap' + (p.wrap ? ' whole' : ''), title: p.value}, p.value);
  };
  function actions(p, list) {
    return (list || []).map(function (action) {
      return h('button', {
        key: action.do, type: 'button', className: 'button',
        onClick: function (event) { event.stopPropagation(); p.setData({do: action.do, id: p.data.id}); }
      }, action.text);
    });
  }
  cells.SutureActions = function (p) { return h('div', {className: 'cell-actions'}, actions(p, p.value)); };
  /* {title, href, pills, lines: [[part, …]]}; a part is a text, {at}, {ago} or {since} */
  cells.SutureCard = function (p) {
    var card = p.value;
    if (!card) return null;
    var part = function (part, i) {
      if (typeof part === 'string') return h('span', {key: i}, window.suture.told(part));
      var kind = Object.keys(part)[0];
      return h('span', {key: i}, window.suture.time(part[kind], kind));
    };
    return h('div', {className: 'cell-card'}, [
      h('div', {key: 't', className: 'cell-card-title'}, link(card.href, card.title)),
      h('div', {key: 'p', className: 'row'}, (card.pills || []).map(pill)),
      (card.lines || []).map(function (line, i) {
        return h('div', {key: i, className: 'cell-card-line'}, line.map(part));
      }),
      card.actions ? h('div', {key: 'x', className: 'cell-actions'}, actions(p, card.actions)) : null
    ]);
  };

  functions.sutureTheme = function (theme) {
    return theme.withParams({
      backgroundColor: 'var(--surface)', foregroundColor: 'var(--text)', borderColor: 'var(--line)',
      headerBackgroundColor: 'var(--surface)', headerTextColor: 'var(--dim)', headerFontWeight: 550,
      rowHoverColor: 'var(--sunken)', oddRowBackgroundColor: 'var(--surface)', accentColor: 'var(--accent)',
      browserColorScheme: 'inherit', fontFamily: 'inherit', fontSize: 13, headerFontSize: 12.5,
      cellHorizontalPadding: 14, wrapperBorder: false, wrapperBorderRadius: 10, columnBorder: false,
      headerColumnResizeHandleColor: 'transparent', iconColor: 'var(--dim)'
    });
  };
  /* Columns by the room there is: cards below, those of little weight only where they fit. */
  function fit(grid, api) {
    var width = grid.clientWidth, narrow = width < NARROW, show = [], hide = [];
    if (!width || api.isDestroyed()) return;
    api.getColumns().forEach(function (column) {
      var id = column.getColId(), least = (column.getColDef().context || {}).least || 0;
      ((id === 'card' ? narrow : !narrow && width >= least) ? show : hide).push(id);
    });
    api.setColumnsVisible(hide, false);
    api.setColumnsVisible(show, true);
    api.setGridOption('headerHeight', narrow ? 0 : 40);
    grid.classList.add('fitted');
  }
  function watch(grid) {
    if (!grid || grid.dataset.watched) return;
    grid.dataset.watched = 'yes';
    window.dash_ag_grid.getApiAsync(grid.id).then(function (api) {
      new ResizeObserver(function () { fit(grid, api); }).observe(grid);
    });
  }
  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      change.addedNodes.forEach(function (node) {
        if (node.querySelectorAll) {
          node.querySelectorAll('.ag-root-wrapper').forEach(function (root) { watch(root.closest('.grid')); });
          if (node.matches('.ag-root-wrapper')) watch(node.closest('.grid'));
        }
      });
    });
  }).observe(document.documentElement, {subtree: true, childList: true});

  /* Sorted by what a cell stands for, not by how it is drawn. */
  functions.sutureCompare = function (a, b) {
    var key = function (v) {
      if (v === null || v === undefined) return '';
      if (Array.isArray(v)) return v[2] !== undefined ? v[2] : v[0];
      if (typeof v !== 'object') return v;
      return v.seconds !== undefined ? v.seconds : v.text || '';
    };
    var x = key(a), y = key(b);
    return typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), undefined, {numeric: true});
  };
})();
