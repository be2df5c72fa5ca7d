"""A page in the browser: bodies before their photograph, and what is to be corrected in them.

    exhibits = exhibits.find([Path("results")], photographs)   # what there is to look at
    document = documents.of_scene(scene, photograph)           # one of them as the page takes it
    page.standalone([document])                                # one file to send to somebody
    server.serve(gallery, host, port)                          # or a page that answers

Drawing happens in the browser (``static/app.js``); ``desk`` answers corrections.
"""
