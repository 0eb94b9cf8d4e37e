// Headings of .sortable tables become buttons: ascending, descending, as it was. '#sort=2-desc' in the address sorts the
// first table by its second column.
(function () {
  'use strict';
  function key(row, column) {
    var cell = row.cells[column];
    var text = cell.hasAttribute('data-value') ? cell.getAttribute('data-value') : cell.textContent.trim();
    return text === '' ? null : isNaN(text) ? text : Number(text);
  }
  function sort(table, heads, column, direction) {
    var body = table.tBodies[0];
    var sign = direction === 'desc' ? -1 : 1;
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (one, other) {
      var a = key(one, column), b = key(other, column);
      var unsorted = one.getAttribute('data-place') - other.getAttribute('data-place');
      if (direction === 'none' || a === b) return unsorted;
      if (a === null || b === null) return a === null ? 1 : -1; // what is not known comes last, either way
      if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
      return sign * (typeof a === 'number' ? a - b : a.localeCompare(b));
    });
    rows.forEach(function (row) { body.appendChild(row); });
    heads.forEach(function (head, index) {
      var state = index === column && direction !== 'none' ? direction + 'ending' : null;
      if (state) head.setAttribute('aria-sort', state); else head.removeAttribute('aria-sort');
    });
  }
  var tables = Array.prototype.map.call(document.querySelectorAll('table.sortable'), function (table) {
    var heads = Array.prototype.slice.call(table.tHead.rows[table.tHead.rows.length - 1].cells);
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row, place) { row.setAttribute('data-place', place); });
    heads.forEach(function (head, column) {
      var button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      button.addEventListener('click', function () {
        var now = head.getAttribute('aria-sort');
        var next = now === 'ascending' ? 'desc' : now === 'descending' ? 'none' : 'asc';
        sort(table, heads, column, next);
      });
      head.replaceChildren(button);
    });
    return function (column, direction) { if (heads[column]) sort(table, heads, column, direction); };
  });
  function fromAddress() {
    var wish = /^#sort=(\d+)-(asc|desc)$/.exec(location.hash);
    if (wish && tables.length) tables[0](Number(wish[1]) - 1, wish[2]);
  }
  window.addEventListener('hashchange', fromAddress);
  fromAddress();
}());
