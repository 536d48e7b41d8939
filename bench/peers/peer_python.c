/* The checksum of peer.h for the peers in Python, as a module: peer_python.add(value, ...) adds a row of None, bool, int, float, str,
 * Decimal or datetime (in UTC), peer_python.line(id, order_id, product_id, quantity) mixes an order's line, peer_python.lines(sum) adds those of an order,
 * peer_python.sum() is the sum so far. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <datetime.h>
#include "shapes.h"

static PyObject *decimal_type;

static int64_t microseconds(PyObject *o) {
  int year = PyDateTime_GET_YEAR(o), month = PyDateTime_GET_MONTH(o), y = year - (month <= 2), of_era = y % 400;
  int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + PyDateTime_GET_DAY(o) - 1;
  int64_t days = (int64_t)(y / 400) * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return ((days * 24 + PyDateTime_DATE_GET_HOUR(o)) * 60 + PyDateTime_DATE_GET_MINUTE(o)) * 60000000LL
      + PyDateTime_DATE_GET_SECOND(o) * 1000000LL + PyDateTime_DATE_GET_MICROSECOND(o);
}
static int mix_text(uint64_t *h, PyObject *o) {
  Py_ssize_t len;
  const char *text = PyUnicode_AsUTF8AndSize(o, &len);
  if (text) *h = peer_mix_text(*h, text, (size_t)len);
  return text ? 0 : -1;
}
static int mix_value(uint64_t *h, PyObject *o) {
  if (o == Py_None) *h = peer_mix(*h, PEER_NULL);
  else if (PyBool_Check(o)) *h = peer_mix(*h, o == Py_True);
  else if (PyLong_Check(o)) *h = peer_mix(*h, (uint64_t)PyLong_AsLongLong(o));
  else if (PyUnicode_Check(o)) return mix_text(h, o);
  else if (PyFloat_Check(o)) *h = peer_mix_double(*h, PyFloat_AS_DOUBLE(o));
  else if (PyDateTime_Check(o)) *h = peer_mix(*h, (uint64_t)microseconds(o));
  else if (PyObject_TypeCheck(o, (PyTypeObject *)decimal_type)) {
    PyObject *text = PyObject_CallMethod(o, "__format__", "s", "f");
    int status = text ? mix_text(h, text) : -1;
    Py_XDECREF(text);
    return status;
  } else {
    PyErr_Format(PyExc_TypeError, "peer_python.add: no hash for a value of type %s", Py_TYPE(o)->tp_name);
    return -1;
  }
  return 0;
}
static PyObject *add(PyObject *self, PyObject *const *values, Py_ssize_t n) {
  uint64_t h = 1;
  (void)self;
  for (Py_ssize_t i = 0; i < n; i++)
    if (mix_value(&h, values[i]) != 0) return NULL;
  peer_add(h);
  Py_RETURN_NONE;
}
static PyObject *line(PyObject *self, PyObject *const *v, Py_ssize_t n) {
  (void)self;
  if (n != 4) return PyErr_Format(PyExc_TypeError, "a line has four columns");
  return PyLong_FromUnsignedLongLong(peer_line(PyLong_AsLongLong(v[0]), PyLong_AsLongLong(v[1]), PyLong_AsLongLong(v[2]), PyLong_AsLongLong(v[3])));
}
static PyObject *lines(PyObject *self, PyObject *total) {
  (void)self;
  peer_hash_lines(PyLong_AsUnsignedLongLongMask(total));
  Py_RETURN_NONE;
}
static PyObject *sum(PyObject *self, PyObject *unused) {
  (void)self, (void)unused;
  return PyUnicode_FromFormat("%08x%08x", (unsigned)(peer_sum >> 32), (unsigned)peer_sum);
}
static PyMethodDef methods[] = {
  {"add", (PyCFunction)(void (*)(void))add, METH_FASTCALL, NULL}, {"line", (PyCFunction)(void (*)(void))line, METH_FASTCALL, NULL},
  {"lines", lines, METH_O, NULL}, {"sum", sum, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "peer_python", .m_size = -1, .m_methods = methods};
PyMODINIT_FUNC PyInit_peer_python(void) {
  PyObject *decimal = PyImport_ImportModule("decimal");
  PyDateTime_IMPORT;
  decimal_type = decimal ? PyObject_GetAttrString(decimal, "Decimal") : NULL;
  Py_XDECREF(decimal);
  return decimal_type ? PyModule_Create(&module) : NULL;
}
